"""The OpenAPI document is valid, and tells of every route."""

from __future__ import annotations

import jsonschema_rs
import openapi_spec_validator
from starlette.routing import Route

from routewright.serve.app import create_app
from routewright.serve.gateway import Gateway
from routewright.serve.routes import TABLE
from tests.fakes.gateway import ByWord, scripted_settings


def test_every_route_that_is_served_is_in_the_document(running, tmp_path):
    told = running.request("GET", "/openapi.json").json
    gateway = Gateway(scripted_settings("http://127.0.0.1:1", tmp_path), router=ByWord())
    routes = [route for route in create_app(gateway).routes if isinstance(route, Route)]
    assert len(routes) == len(TABLE)
    for route in routes:
        operations = told["paths"][route.path.replace(":path}", "}")]
        for method in (route.methods or set()) - {"HEAD"}:
            assert operations[method.lower()]["x-access"] in ("open", "user", "watch", "admin")


def test_the_document_is_valid_and_every_reference_leads_to_a_schema(running):
    told = running.request("GET", "/openapi.json").json
    assert told["openapi"].startswith("3.1")
    openapi_spec_validator.validate(told)
    schemas = told["components"]["schemas"]
    for name in schemas:
        wanted = {"$ref": f"#/components/schemas/{name}", "components": {"schemas": schemas}}
        jsonschema_rs.meta.validate(schemas[name])
        jsonschema_rs.validator_for(wanted)  # resolves every reference, or raises
    used = {spec.takes for spec in TABLE} | {spec.gives for spec in TABLE}
    assert used - {""} <= set(schemas)


def test_an_open_route_asks_for_no_key_and_others_do(running):
    told = running.request("GET", "/openapi.json").json
    assert "security" not in told["paths"]["/healthz"]["get"]
    assert told["paths"]["/v1/messages"]["post"]["security"]
