"""Requests of OpenAI's API that come as JSON or as a form with files."""

import json
from dataclasses import dataclass
from typing import Any, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError
from starlette.datastructures import UploadFile

from tenku.api.problem import Refused

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True)
class Form:
    """What a request brought."""

    fields: dict[str, Any]
    """Texts, or what JSON had."""
    files: dict[str, list[bytes]]
    """By the name of their field, without the `[]` that lists have."""

    def parse(self, model: type[M]) -> M:
        """The fields as they have to be. Raises Refused with the field's name."""
        try:
            return model.model_validate(self.fields)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"])
            raise Refused(
                400, f"The request cannot be used: {place}: {first['msg']}.", code="invalid_request"
            ) from None


async def read_form(request: Request) -> Form:
    """Read a request's body. Raises Refused: it is neither a form nor JSON."""
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        return await _multipart(request)
    try:
        fields = json.loads(await request.body())
    except ValueError:
        fields = None
    if not isinstance(fields, dict):
        raise Refused(400, "The request is no JSON object and no form.", code="invalid_request")
    return Form(fields, {})


async def _multipart(request: Request) -> Form:
    fields: dict[str, Any] = {}
    files: dict[str, list[bytes]] = {}
    async with request.form(max_files=16, max_fields=100) as form:
        for key, value in form.multi_items():
            name = key.removesuffix("[]")
            if isinstance(value, UploadFile):
                files.setdefault(name, []).append(await value.read())
            else:
                fields[name] = value
    return Form(fields, files)


def form_body(model: type[BaseModel], *, files: dict[str, bool]) -> dict[str, Any]:
    """How such a request stands in the description.

    Args:
        files: names of the fields that are files, and whether they have to be there.
    """
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    binary = {"type": "string", "format": "binary"}
    form = {**schema, "properties": {**schema["properties"], **dict.fromkeys(files, binary)}}
    form["required"] = [*schema.get("required", []), *(name for name, needed in files.items() if needed)]
    content: dict[str, Any] = {"multipart/form-data": {"schema": form}}
    if not any(files.values()):
        content["application/json"] = {"schema": schema}
    return {"requestBody": {"required": True, "content": content}}
