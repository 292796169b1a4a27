"""The bill of materials is CycloneDX, as the schema says that the scanners bring along."""

import json
import sys
from pathlib import Path

import jsonschema
import referencing

from ml import bill_of_materials


def test_the_bill_follows_cyclonedxs_own_schema() -> None:
    (folder,) = Path(sys.prefix, "scanners").glob("lib/python*/site-packages/cyclonedx/schema/_res")
    names = (f"bom-{bill_of_materials.SPECIFICATION}", "spdx", "jsf-0.82")
    schemas = [json.loads((folder / f"{name}.SNAPSHOT.schema.json").read_text()) for name in names]
    known = [(schema["$id"], referencing.Resource.from_contents(schema)) for schema in schemas]
    validator = jsonschema.Draft7Validator(schemas[0], registry=referencing.Registry().with_resources(known))
    bill = bill_of_materials.document("churn", "0" * 64)

    assert not list(validator.iter_errors(bill))
    assert list(validator.iter_errors({**bill, "components": [{"type": "library"}]}))
