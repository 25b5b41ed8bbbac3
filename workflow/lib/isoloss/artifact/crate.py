"""A bundle as an RO-Crate: what an archive needs to know of it, in JSON-LD.

Under the Workflow Run RO-Crate profile 0.5 (https://w3id.org/ro/wfrun/workflow/0.5): the workflow,
what it read, what it made. Written by rocrate, which comes with `make bundle`.
"""

import json
from collections.abc import Mapping
from typing import Any

from rocrate.model.contextentity import ContextEntity
from rocrate.rocrate import ROCrate

NAME = "ro-crate-metadata.json"
SNAKEFILE = "Snakefile"
PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": ("Process Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/workflow/0.5": ("Workflow Run Crate", "0.5"),
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": ("Workflow RO-Crate", "1.0"),
}
SHA256 = "https://w3id.org/ro/terms/workflow-run#sha256"
LICENCE = "https://spdx.org/licenses/MIT"


def metadata(manifest: Mapping[str, Any], title: str) -> str:
    """The text of ro-crate-metadata.json; manifest: as `bundle.manifest` makes it.

    The date is the manifest's, never the clock's. The licence is that of the program: what holds
    for the data, their SOURCE.md says.
    """
    crate = ROCrate(version="1.1")
    profiles = [
        crate.add(
            ContextEntity(crate, url, {"@type": "CreativeWork", "name": name, "version": version})
        )
        for url, (name, version) in PROFILES.items()
    ]
    root = crate.root_dataset
    root["conformsTo"] = profiles
    root["name"], root["datePublished"] = title, manifest["date"]
    root["description"] = " ".join(manifest["headline"]) or title
    licence = ContextEntity(crate, LICENCE, {"@type": "CreativeWork", "name": "MIT License"})
    root["license"] = crate.add(licence)
    workflow = crate.add_workflow(
        dest_path=SNAKEFILE,
        main=True,
        lang="snakemake",
        lang_version=manifest["versions"].get("snakemake"),
        properties={"name": "isoloss", "version": manifest["isoloss"], "license": LICENCE},
    )
    role = {"input": [], "result": []}  # type: dict[str, list[Any]]
    for path, file in manifest["files"].items():
        if path == SNAKEFILE:
            continue
        properties = {
            "name": path,
            "contentSize": str(file["bytes"]),
            "sha256": file["sha256"],
            "encodingFormat": file["type"],
        }
        entity = crate.add_file(dest_path=path, properties=properties)
        role.setdefault(file["role"], []).append(entity)
    action = crate.add_action(
        workflow,
        identifier="#make",
        object=role["input"],
        result=role["result"],
        properties={
            "name": "make",
            "description": "Every figure, table and number from the raw logs.",
            "endTime": manifest["date"],
        },
    )
    root["mentions"] = action
    crate.metadata.extra_terms["sha256"] = SHA256
    return json.dumps(crate.metadata.generate(), indent=1, ensure_ascii=False) + "\n"
