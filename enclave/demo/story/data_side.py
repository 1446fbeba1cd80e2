"""Steps 1 to 5: extract, de-identify, aggregate, synthesise, store."""

from __future__ import annotations

import hashlib
import io
import json

from enclave.demo.story.stage import Stage, prove
from enclave.demo.story.store_side import s3

IBR = "ibr-households"


def extract(stage: Stage) -> list[str]:
    """Two sources: the registry's database and real published data; and a file that is not good enough."""
    nadia, proved = stage.call("nadia"), []
    for slug in (stage.real, IBR):
        nadia.post("/extracts/take", {"dataset": slug})
        nadia.wait(f"/extracts/take/{slug}", "done")
        taken = next(e for e in nadia.get("/extracts") if e["dataset"] == slug)
        proved.append(f"{taken['reference']}: {taken['rows']:,} rows of {slug} are sealed in quarantine.")
    before = nadia.get("/extracts")
    bad = io.BytesIO(b"household_id,head_surname\nH1,Nobody\n")
    form = {"dataset": IBR, "as_of": "2026-01-01", "source": "a file with most of its columns missing"}
    reply = nadia.raw("POST", "/extracts", data=form, files={"file": ("bad.csv", bad, "text/csv")})
    prove(reply.status_code == 422, f"A bad file should have been refused, and got {reply.status_code}.")
    prove("Nobody" not in reply.text, "The refusal of a bad file quotes a value of it.")
    prove(nadia.get("/extracts") == before, "A bad file that was refused left something behind.")
    proved.append(
        f"A bad file is refused with a sentence and leaves nothing behind ({len(before)} extracts, as before)."
    )
    return proved


def deidentify(stage: Stage) -> list[str]:
    """The recipe runs; the evidence pack holds risk before and after."""
    proved = []
    for slug in (stage.real, IBR):
        stage.order(slug, "process")
        release = stage.release(slug, "scientific_use")
        pack = stage.call("steward").get(f"/releases/{release['id']}/evidence")
        before, after = pack["risk"]["before"], pack["risk"]["after"]
        prove(after["smallest_class"] >= 5, f"{slug}: a class of {after['smallest_class']} is left.")
        prove(sum(pack["identifiers_found_in_output"].values()) == 0, f"{slug}: identifiers are left.")
        stage.found[f"release:{slug}"] = release
        proved.append(
            f"{slug}: {after['records']:,} {after['counted']}; unique on the keys {before['sample_uniques']:,} "
            f"-> {after['sample_uniques']}, expected re-identifications {before['expected_reidentifications']:,.0f} -> "
            f"{after['expected_reidentifications']:,.0f}, smallest class {after['smallest_class']}."
        )
        attacks = pack["attacks"]
        risks: dict[str, list[float]] = {name.split(",")[0]: [] for name in attacks["risks"]}
        for name, risk in attacks["risks"].items():
            risks[name.split(",")[0]].append(risk)
        prove(risks, f"{slug}: nobody attacked it.")
        worst = ", ".join(f"{family} {max(found):.1%}" for family, found in risks.items())
        proved.append(
            f"{slug}: attacked beside {attacks['settings']['folds']} hold-outs; risk at most {worst} (upper bounds)."
        )
    proved.append(f"Gate: {', '.join(release['policies'])}. No direct identifier is a column of the release.")
    return proved


def aggregate(stage: Stage) -> list[str]:
    """Noisy tables, the ledger charged first; a spend over budget is refused with a sentence."""
    stage.order(IBR, "aggregate")
    tables = [r for r in stage.public.get(f"/releases?dataset={IBR}") if r["tier"] == "open"]
    prove(tables, "No open table was released.")
    ledger = next(b for b in stage.call("petra").get("/budgets") if b["dataset"] == IBR)
    proved = [f"{len(tables)} differentially private tables are open to everybody: {tables[0]['title']}, …"]
    proved.append(
        f"The ledger holds the charge: epsilon {ledger['spent_epsilon']:g} of {ledger['epsilon']:g} is spent."
    )
    stage.found["open"] = tables[0]
    reply = stage.call("steward").raw(
        "POST",
        "/private-queries",
        json={"dataset": IBR, "measure": "count", "group_by": ["region_code"], "epsilon": 1.0},
    )
    for _ in range(5):
        if reply.status_code != 200:
            break
        reply = stage.call("steward").raw(
            "POST",
            "/private-queries",
            json={"dataset": IBR, "measure": "count", "group_by": ["urban_rural"], "epsilon": 0.9 + 0.01 * _},
        )
    words = reply.json().get("detail", "")
    prove(
        reply.status_code == 409,
        f"A spend over budget should have been refused, and got {reply.status_code}.",
    )
    prove("Nothing was charged" in words, "The refusal does not say that nothing was charged.")
    proved.append(f"A question over budget is refused: “{words}”")
    return proved


def synthesise(stage: Stage) -> list[str]:
    """A synthetic table with its quality and privacy figures."""
    stage.order(IBR, "synthesise")
    release = stage.release(IBR, "public_use")
    pack = stage.call("steward").get(f"/releases/{release['id']}/evidence")
    closest, pairs = pack["privacy"]["closest_record"], pack["quality"]["pairs"]
    prove(pack["differentially_private"] is False, "The evidence does not say what this table is not.")
    ratio = closest["median_ratio_to_holdout"]
    copies = pack["privacy"]["copies"]["all_columns"]["share_of_synthetic"]
    method, rows = pack["method"], pack["output"]["rows"]
    made = f"{rows:,} synthetic rows by {method['name']} {method['version']}"
    return [
        f"{made}; mean total variation over pairs of columns {pairs['mean']:.3f}.",
        f"Distance to the closest real row over that of rows it never saw: {ratio:.2f}; exact copies {copies:.2%}.",
        "The evidence says plainly that it is not differentially private.",
    ]


def store(stage: Stage) -> list[str]:
    """Every release read back through another client, every byte compared; a locked version cannot be deleted.

    Told again after a crash, everything that was there before must be there still.
    """
    client = s3(stage.settings)
    read: set[tuple[str, str, str]] = set()
    for listed in client.list_object_versions(Bucket="releases").get("Versions", []):
        if not listed["Key"].endswith("manifest.json"):
            continue
        manifest = json.loads(client.get_object(Bucket="releases", Key=listed["Key"])["Body"].read())
        for file in manifest["files"]:
            got = client.get_object(Bucket=file["bucket"], Key=file["key"], VersionId=file["version_id"])
            prove(
                hashlib.sha256(got["Body"].read()).hexdigest() == file["sha256"],
                f"{file['name']} of release {manifest['release']} is not what its manifest says.",
            )
            prove(got.get("ServerSideEncryption"), f"{file['name']} is not encrypted at rest.")
            read.add((file["key"], file["version_id"], file["sha256"]))
    prove(read, "No released object was found.")
    lost = stage.found.get("stored", set()) - read
    prove(not lost, f"{len(lost)} objects that were there before the crash are gone.")
    again = ["Nothing that was acknowledged before the crash is missing."] if "stored" in stage.found else []
    stage.found["stored"] = read
    victim = listed["Key"], listed["VersionId"]
    try:
        client.delete_object(Bucket="releases", Key=victim[0], VersionId=victim[1])
    except client.exceptions.ClientError as error:
        words = str(error.response["Error"]["Code"])
    else:
        prove(condition=False, otherwise="A locked version could be deleted.")
        words = ""
    return [
        *again,
        f"{len(read)} objects read back through boto3 have the digests that their manifests say, all encrypted.",
        f"Deleting a locked version as the administrator is refused ({words}).",
    ]
