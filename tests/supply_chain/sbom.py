"""Write build/sbom.json: every pinned requirement in a CycloneDX bill of materials: `make sbom`."""

from __future__ import annotations

import sys
import tomllib
from typing import TYPE_CHECKING

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, Property, XsUri
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

from supply_chain.licences import MODELS, written
from supply_chain.pins import ROOT, pinned

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from supply_chain.pins import Pin

FILE = ROOT / "build" / "sbom.json"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def bill(pins: Iterable[Pin], licences: Mapping[tuple[str, str], str]) -> Bom:
    """List the line and what it runs with: version, files' hashes, licence, who asks for it, models."""
    line = Component(
        name=PROJECT["name"],
        version=PROJECT["version"],
        type=ComponentType.APPLICATION,
        bom_ref=PROJECT["name"],
        description=PROJECT["description"],
        licenses=[LicenseFactory().make_from_string(PROJECT["license"])],
    )
    listed = {pin: _component(pin, licences[pin.name, pin.version]) for pin in pins}
    made = Bom(components=listed.values())
    made.metadata.component = line
    for name, asking in ((PROJECT["name"], line), *((pin.name, each) for pin, each in listed.items())):
        made.register_dependency(asking, [each for pin, each in listed.items() if name in pin.asked_by])
    return made


def _component(pin: Pin, licence: str) -> Component:
    address = PackageURL("pypi", None, pin.name, pin.version)
    return Component(
        name=pin.name,
        version=pin.version,
        type=ComponentType.LIBRARY,
        bom_ref=address.to_string(),
        purl=address,
        licenses=[LicenseFactory().make_from_string(licence)],
        external_references=[
            ExternalReference(
                type=ExternalReferenceType.DISTRIBUTION,
                url=XsUri(address.to_string()),
                comment="the hash of each file that may be installed",
                hashes=[HashType(alg=HashAlgorithm.SHA_256, content=each) for each in pin.hashes],
            )
        ],
        properties=[Property(name="ivr:marker", value=pin.marker)] if pin.marker else [],
        components=[
            Component(
                name=model.name,
                type=ComponentType.MACHINE_LEARNING_MODEL,
                bom_ref=f"{address.to_string()}#{model.name}",
                licenses=[LicenseFactory().make_from_string(model.licence)],
            )
            for model in MODELS
            if model.package == pin.name
        ],
    )


def as_json(made: Bom) -> str:
    """Write a bill as CycloneDX 1.6; ValueError where the standard's own schema refuses it."""
    text = JsonV1Dot6(made).output_as_string(indent=2)
    if wrong := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
        raise ValueError(f"not CycloneDX: {wrong}")
    return text


if __name__ == "__main__":
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(as_json(bill(pinned(), written())) + "\n", "utf-8")
    sys.stdout.write(f"{FILE.relative_to(ROOT)}: {len(pinned())} requirements, valid as CycloneDX 1.6\n")
