"""Open tables as people read them."""

from __future__ import annotations

from houses import a_dataset

from request_portal.present.tables import in_words, read_private_table


def test_codes_are_spelled_out_and_figures_stay_as_they_are():
    data = b"region_code,programme,value,ci_low,ci_high\nR01,enrolled_school_meals,12,2,22\nR77,enrolled_cct,5,0,15\n"
    table = in_words(read_private_table(data, title="T"), a_dataset())
    assert [c.groups for c in table.cells] == [("North", "school meals"), ("R77", "cct")]
    assert [(c.value, c.low, c.high) for c in table.cells] == [(12, 2, 22), (5, 0, 15)]
