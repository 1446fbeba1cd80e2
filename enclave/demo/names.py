"""Common given names, surnames and invented places of the six traditions, written by hand for the demo.

Nobody in particular: frequent names only, combined at random. Places are invented from ordinary words.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True, slots=True)
class Tradition:
    """How people of one country are called, in one script.

    Args:
        female, male, surnames: what the registry's own households are called.
        strangers: full names that no household in the registry has.
        places: villages and wards in which households live.
        elsewhere: places that no household lives in.
        streets: patterns of an address line; {n} and {m} are numbers.
    """

    female: tuple[str, ...]
    male: tuple[str, ...]
    surnames: tuple[str, ...]
    strangers: tuple[str, ...]
    places: tuple[str, ...]
    elsewhere: tuple[str, ...]
    streets: tuple[str, ...]


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _lines(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


_KENYA = Tradition(
    female=_words(
        "Achieng Akinyi Atieno Awuor Chebet Chepkoech Faith Grace Halima Jane Jepchirchir Joyce "
        "Kathambi Kerubo Lilian Lucy Makena Mary Mercy Moraa Muthoni Mwende Nafula Naliaka Neema "
        "Njeri Nyambura Purity Rehema Rose Sarah Wairimu Wambui Wangari Wanjiku Wanjiru Zawadi "
        "Zainabu Esther Beatrice"
    ),
    male=_words(
        "Abdi Baraka Brian Charles Daniel David Dennis Evans Francis Gitau Hamisi Hassan James "
        "John Joseph Juma Kamau Kariuki Kennedy Kevin Kiprono Kiptoo Maina Mburu Michael Mutua "
        "Mwangi Ndungu Njoroge Ochieng Odhiambo Okoth Omondi Otieno Patrick Peter Salim Samuel "
        "Simon Wafula"
    ),
    surnames=_words(
        "Abdalla Achieng Barasa Cheruiyot Chepkwony Gathoni Gitonga Ibrahim Karanja Kibet Kilonzo "
        "Kimani Kinyua Kipchumba Kiplagat Koech Kyalo Langat Macharia Makori Mbugua Mohamed "
        "Musyoka Mutiso Mwaura Mwikali Ndirangu Njuguna Nyaga Nyong'o Obiero Odongo Ogutu Oketch "
        "Omar Onyango Ouma Owino Rotich Wekesa"
    ),
    strangers=_lines(
        "Tabitha Nekesa, Caleb Simiyu, Naomi Cherop, Elijah Lokwawi, Zipporah Ekai, Gideon Tanui, "
        "Agnes Mueni, Victor Shikuku, Rukia Bakari, Felix Muriuki, Doreen Anyango, Silas Ruto"
    ),
    places=_lines(
        "Mlimani, Kisima Kipya, Bondeni Juu, Mtoni Chini, Miembeni, Soko Jipya, Daraja Mbili, "
        "Ukumbi, Maji Mazuri, Njia Panda, Shamba Kubwa, Kilima Tatu"
    ),
    elsewhere=_lines("Barafu Ndogo, Kituo Kikuu, Pwani Mpya, Mawe Meusi, Jiwe Kubwa"),
    streets=(
        "Plot {n}, Market Road",
        "P.O. Box {n}-00{m}",
        "House {n}, Mission Lane",
        "Plot {n}, Dispensary Road",
    ),
)

_PHILIPPINES = Tradition(
    female=_words(
        "Analyn Angelica Bernadette Carmela Cherry Corazon Cristina Divina Editha Erlinda Gemma "
        "Glenda Imelda Jasmine Jennelyn Jocelyn Josefina Leonora Liezel Lorna Lourdes Luzviminda "
        "Marilou Maricel Maridel Mary-Ann Merlinda Michelle Myrna Nenita Norma Perla Remedios "
        "Rosalie Rosario Rowena Teresita Virginia Wilma Zenaida"
    ),
    male=_words(
        "Alfredo Antonio Arnel Benjie Bonifacio Carlito Crisanto Danilo Dante Dindo Edgardo "
        "Eduardo Efren Ernesto Ferdinand Florencio Gerardo Jayson Jericho Jerome Jomar Jose "
        "Julius Leonardo Manuel Marlon Melvin Nestor Noel Orlando Pedro Ramon Reynaldo Ricardo "
        "Rodel Rogelio Romeo Ronaldo Rommel Virgilio"
    ),
    surnames=_words(
        "Abad Aguilar Alvarez Aquino Bautista Bernardo Cabrera Castillo Castro Concepcion Corpuz "
        "Cruz Dagohoy Domingo Enriquez Espinosa Fernandez Flores Francisco Garcia Gonzales "
        "Hernandez Ignacio Lacson Lopez Magbanua Manalo Mendoza Mercado Navarro Ocampo Pascual "
        "Perez Ramos Reyes Santiago Santos Tolentino Valdez Villanueva"
    ),
    strangers=_lines(
        "Wenceslao Panganiban, Felicidad Dimaculangan, Isagani Catacutan, Ligaya Macaraeg, "
        "Policarpio Sumulong, Amihan Buenaventura, Eleuterio Galang, Milagros Katigbak, Tirso "
        "Liwanag, Consolacion Paglinawan"
    ),
    places=_lines(
        "Bagong Pag-asa, Malinis, Mataas na Bato, Mabuhangin, Silangang Bukid, Ilayang Sapa, "
        "Kawayanan, Punong Mangga, Bagong Nayon, Tahimik, Maligaya, Batong Puti"
    ),
    elsewhere=_lines("Lumang Tulay, Hulong Dagat, Ibabang Ilog, Bundok Asul, Pulang Lupa"),
    streets=("Blk {m} Lot {n}", "Purok {m}, No. {n}", "{n} Sampaguita St.", "Sitio {m}, House {n}"),
)

_BRAZIL = Tradition(
    female=_words(
        "Adriana Alessandra Aline Amanda Antônia Aparecida Beatriz Bruna Camila Carla Cláudia "
        "Conceição Cristiane Daniela Débora Edilene Eliane Fabiana Fernanda Francisca Gabriela "
        "Inês Jéssica Joana Josefa Juliana Larissa Letícia Luciana Luzia Márcia Maria Mariana "
        "Marlene Patrícia Raimunda Renata Rosângela Sebastiana Vanessa"
    ),
    male=_words(
        "Adilson Ademir Alexandre Anderson André Antônio Benedito Bruno Carlos Cícero Cláudio "
        "Daniel Edson Eduardo Fábio Felipe Fernando Francisco Gilberto Gustavo João Jorge José "
        "Josué Leandro Lucas Luís Marcelo Márcio Marcos Mateus Mauro Paulo Pedro Rafael Raimundo "
        "Ricardo Roberto Sebastião Valdir"
    ),
    surnames=_words(
        "Almeida Alves Andrade Araújo Barbosa Barros Batista Borges Cardoso Carvalho Castro "
        "Cavalcante Correia Costa Dias Fernandes Ferreira Freitas Gomes Gonçalves Lima Lopes "
        "Machado Marques Martins Melo Mendes Moraes Moreira Moura Nascimento Nunes Oliveira "
        "Pereira Ribeiro Rocha Rodrigues Santos Souza Vieira"
    ),
    strangers=_lines(
        "Genivaldo Pinheiro, Ivonete Siqueira, Laércio Bittencourt, Zuleide Fontenele, Osvaldo "
        "Peixoto, Marinalva Quaresma, Nivaldo Guimarães, Dulcineia Tavares, Eurico Bandeira, "
        "Neusa Figueiredo"
    ),
    places=_lines(
        "Vila Esperança, Jardim das Palmeiras, Morro Alto, Lagoa Clara, Boa União, Novo Horizonte "
        "do Rio, Pedra Lisa, Campo Verde, Barro Branco, Córrego Fundo, Vila Nova da Serra, Água "
        "Doce"
    ),
    elsewhere=_lines("Ponte Velha, Serra Azul do Sul, Lagoinha Seca, Três Coqueiros, Várzea Comprida"),
    streets=(
        "Rua das Flores, {n}",
        "Travessa da Paz, {n}",
        "Rua {m} de Maio, {n}",
        "Sítio Boa Vista, casa {m}",
    ),
)

_PAKISTAN_PAIRS: dict[str, str] = {
    "female": "Aisha عائشہ,Amina آمنہ,Asma اسماء,Bushra بشریٰ,Fariha فریحہ,Farzana فرزانہ,"
    "Fatima فاطمہ,Ghazala غزالہ,Hafsa حفصہ,Hina حنا,Iqra اقراء,Khadija خدیجہ,Kiran کرن,"
    "Kulsoom کلثوم,Maryam مریم,Mehwish مہوش,Nadia نادیہ,Nasreen نسرین,Naseem نسیم,Nazia نازیہ,"
    "Nusrat نصرت,Parveen پروین,Rabia رابعہ,Razia رضیہ,Rukhsana رخسانہ,Saima صائمہ,Sajida ساجدہ,"
    "Salma سلمیٰ,Samina ثمینہ,Shabana شبانہ,Shazia شازیہ,Sidra سدرہ,Sumaira سمیرا,Tahira طاہرہ,"
    "Tasneem تسنیم,Uzma عظمیٰ,Yasmin یاسمین,Zahida زاہدہ,Zainab زینب,Zubaida زبیدہ",
    "male": "Abbas عباس,Adnan عدنان,Ahmed احمد,Akram اکرم,Ali علی,Amjad امجد,Arshad ارشد,"
    "Asif آصف,Aslam اسلم,Bilal بلال,Danish دانش,Ejaz اعجاز,Faisal فیصل,Farooq فاروق,Ghulam غلام,"
    "Habib حبیب,Hamid حامد,Hamza حمزہ,Hassan حسن,Imran عمران,Irfan عرفان,Javed جاوید,"
    "Kamran کامران,Khalid خالد,Liaqat لیاقت,Mansoor منصور,Muhammad محمد,Mushtaq مشتاق,"
    "Nadeem ندیم,Naveed نوید,Rashid راشد,Riaz ریاض,Saeed سعید,Sajid ساجد,Shahid شاہد,Tariq طارق,"
    "Usman عثمان,Waqas وقاص,Yousaf یوسف,Zafar ظفر",
    "surnames": "Abbasi عباسی,Afridi آفریدی,Ansari انصاری,Awan اعوان,Baig بیگ,Baloch بلوچ,"
    "Bhatti بھٹی,Bibi بی‌بی,Bukhari بخاری,Butt بٹ,Chaudhry چوہدری,Dar ڈار,Durrani درانی,"
    "Gilani گیلانی,Gondal گوندل,Hashmi ہاشمی,Hussain حسین,Iqbal اقبال,Jatoi جتوئی,Kazmi کاظمی,"
    "Khan خان,Khattak خٹک,Khokhar کھوکھر,Lodhi لودھی,Mahmood محمود,Malik ملک,Mirza مرزا,"
    "Mughal مغل,Niazi نیازی,Qazi قاضی,Qureshi قریشی,Raja راجہ,Rana رانا,Rehman رحمان,Sheikh شیخ,"
    "Siddiqui صدیقی,Soomro سومرو,Syed سید,Yousafzai یوسفزئی,Zaidi زیدی",
    "strangers": "Munawar Sarwar منور سرور,Zulekha Begum زلیخا بیگم,Pervaiz Akhtar پرویز اختر,"
    "Gulnaz Kausar گلناز کوثر,Sikandar Hayat سکندر حیات,Mehr Elahi مہر الٰہی,Shamim Ara شمیم آرا,"
    "Barkat Masih برکت مسیح",
    "places": "Chak Shumali چک شمالی,Basti Noor بستی نور,Goth Rahim گوٹھ رحیم,Kot Sabz کوٹ سبز,"
    "Dera Gulab ڈیرہ گلاب,Mohalla Anwar محلہ انوار,Naya Bazar نیا بازار,Pul Kohna پل کہنہ,"
    "Tibba Safed ٹبہ سفید,Kili Chaman کلی چمن,Bagh Wala باغ والا,Nehar Par نہر پار",
    "elsewhere": "Thanda Kuan ٹھنڈا کنواں,Purana Qila پرانا قلعہ,Sona Wadi سونا وادی,Kala Pahar کالا پہاڑ",
    "streets": "House {n}; Street {m} مکان {n}؛ گلی {m},Near Jamia Masjid {n} نزد جامع مسجد {n},"
    "Ward {m}; House {n} وارڈ {m}؛ مکان {n}",
}


@cache
def _pakistan(urdu: bool) -> Tradition:
    def side(pair: str) -> str:
        tokens = pair.split()
        half = len(tokens) // 2
        return " ".join(tokens[half:] if urdu else tokens[:half]).replace(";", ",").replace("؛", "،")

    lists = {key: tuple(side(pair) for pair in pairs.split(",")) for key, pairs in _PAKISTAN_PAIRS.items()}
    return Tradition(**lists)


_TURKEY = Tradition(
    female=_words(
        "Asiye Aslı Aynur Ayşe Bahar Büşra Canan Cemile Çiğdem Derya Dilek Ebru Elif Emine Esma "
        "Esra Fadime Fatma Gamze Gülay Gülşen Hacer Halime Hatice Havva İlknur Kübra Leyla Medine "
        "Meryem Merve Nurcan Özlem Reyhan Şerife Songül Sultan Yasemin Zehra Zeynep"
    ),
    male=_words(
        "Abdullah Ahmet Ali Bekir Burak Bülent Cemal Emre Engin Erdal Erkan Fatih Ferhat Hakan "
        "Halil Hasan Hüseyin İbrahim İlhan İsmail Kadir Kemal Mahmut Mehmet Metin Murat Mustafa "
        "Necati Ömer Orhan Osman Ramazan Recep Salih Selim Serkan Süleyman Şükrü Yılmaz Yusuf"
    ),
    surnames=_words(
        "Acar Akın Aksoy Aktaş Arslan Aslan Aydın Bozkurt Bulut Can Çelik Çetin Demir Doğan Erdem "
        "Erdoğdu Güler Güneş Işık Kaplan Kara Kaya Keskin Kılıç Koç Korkmaz Kurt Özdemir Özkan "
        "Öztürk Polat Sarı Şahin Şimşek Taş Tekin Tunç Yalçın Yıldırım Yıldız"
    ),
    strangers=_lines(
        "Nevzat Karabulut, Perihan Uçar, Rıfat Dinçer, Saadet Ergün, Tahsin Göksu, Müzeyyen "
        "Alkan, Vedat İnce, Hamiyet Sönmez, Cavit Bayrak, Nermin Toprak"
    ),
    places=_lines(
        "Yeşilova, Karataş Köyü, Akpınar Mahallesi, Güneyce, Taşlıdere, Çınaraltı, Yukarı Ören, "
        "Aşağı Kavak, Işıklı, Düzağaç, Kuzeytepe, Bağlarbaşı Köyü"
    ),
    elsewhere=_lines("Eskiköprü, Sazlıgöl, Mavikent, Demirkapı Köyü, Üçkuyu"),
    streets=("Gül Sokak No: {n}", "Cami Caddesi No: {n}/{m}", "Okul Yolu {n}", "{m}. Sokak No: {n}"),
)

_INDONESIA = Tradition(
    female=_words(
        "Aminah Ani Ayu Dewi Dian Endang Eka Fitriani Halimah Handayani Indah Ika Kartini "
        "Kurniasih Lastri Lestari Lilis Maryati Maya Mulyani Murni Nengsih Ningsih Nuraini "
        "Nurhayati Puji Purwanti Ratna Rina Rohani Rukmini Sari Siti Sulastri Sumiati Sundari "
        "Suryani Titin Wahyuni Yuliana"
    ),
    male=_words(
        "Agus Ahmad Andi Arif Asep Bambang Budi Cahyo Dadang Darmawan Dedi Didik Eko Fajar "
        "Gunawan Hadi Hendra Herman Heru Imam Iwan Joko Karyono Mulyono Ngatiman Nurdin Prasetyo "
        "Rahmat Ridwan Rudi Sapto Slamet Sugeng Suparman Supriyadi Sutrisno Taufik Tono Wahyu "
        "Yanto"
    ),
    surnames=_words(
        "Anwar Ardiansyah Aritonang Daulay Firmansyah Ginting Hakim Halim Harahap Hartono Hidayat "
        "Irawan Kurniawan Kusuma Lubis Mahendra Manurung Maulana Nainggolan Nasution Nugroho "
        "Permana Pranoto Purnomo Ramadhan Saputra Saragih Setiawan Simanjuntak Siregar Sitompul "
        "Suhendra Sulaiman Suryadi Susanto Syahputra Tarigan Utomo Wibowo Wijaya"
    ),
    strangers=_lines(
        "Markus Tobing, Sinta Wulandari, Teguh Pamungkas, Yohana Latuheru, Bagas Kertajaya, "
        "Ngatinem Surip, Zulkifli Batubara, Retno Palupi, Gatot Subari, Mardiana Pelu"
    ),
    places=_lines(
        "Sukamaju, Karang Indah, Mekar Jaya, Tanjung Damai, Sumber Rejeki, Bukit Harapan, Ciawi "
        "Baru, Padang Hijau, Kampung Tengah, Wonosari Kidul, Air Bening, Pulau Kecil"
    ),
    elsewhere=_lines("Batu Merah, Teluk Jernih, Gunung Sari Wetan, Muara Lama, Rawa Panjang"),
    streets=(
        "Jl. Melati No. {n}",
        "RT 0{m}/RW 02, No. {n}",
        "Jl. Pasar Lama No. {n}",
        "Gang Mawar {m} No. {n}",
    ),
)

_ALL = {"KE": _KENYA, "PH": _PHILIPPINES, "BR": _BRAZIL, "TR": _TURKEY, "ID": _INDONESIA}


def tradition(country: str, urdu: bool = False) -> Tradition:
    """The names of `country` (KE PH BR PK TR ID); with `urdu`, Pakistan's in Urdu script."""
    return _pakistan(urdu) if country == "PK" else _ALL[country]
