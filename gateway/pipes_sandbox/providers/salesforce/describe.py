"""What an object says of itself."""

from __future__ import annotations

from typing import Any

from pipes_sandbox.providers.salesforce.schema import OBJECTS, Field, SObject


def brief(sobject: SObject, base: str) -> dict[str, Any]:
    path = f"{base}/sobjects/{sobject.name}"
    return {
        "name": sobject.name,
        "label": sobject.name,
        "labelPlural": sobject.label_plural,
        "keyPrefix": sobject.prefix,
        "custom": False,
        "queryable": True,
        "searchable": True,
        "retrieveable": True,
        "createable": sobject.writable,
        "updateable": sobject.writable,
        "deletable": sobject.writable,
        "urls": {"sobject": path, "describe": f"{path}/describe", "rowTemplate": f"{path}/{{ID}}"},
    }


def full(sobject: SObject, base: str) -> dict[str, Any]:
    children = [
        {"childSObject": kind, "field": reference, "relationshipName": name, "cascadeDelete": False}
        for name, (kind, reference) in sobject.children.items()
    ]
    return {
        **brief(sobject, base),
        "fields": [_field(sobject, each) for each in sobject.fields],
        "childRelationships": children,
        "recordTypeInfos": [],
    }


def _field(sobject: SObject, each: Field) -> dict[str, Any]:
    writable = each.writable and sobject.writable
    return {
        "name": each.name,
        "label": each.name.removesuffix("__c"),
        "type": each.kind,
        "length": each.length,
        "custom": each.name.endswith("__c"),
        "nillable": not each.required and each.name != "Id",
        "createable": writable,
        "updateable": writable,
        "defaultedOnCreate": each.kind == "boolean" or each.name in ("OwnerId", "Status"),
        "filterable": each.kind != "textarea",
        "sortable": each.kind != "textarea",
        "externalId": each.external_id,
        "unique": each.external_id,
        "referenceTo": [each.reference_to] if each.reference_to else [],
        "relationshipName": each.relationship or None,
        "picklistValues": [
            {"value": value, "label": value, "active": True, "defaultValue": False} for value in each.values
        ],
    }


def everything(base: str) -> dict[str, Any]:
    return {"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": [brief(each, base) for each in OBJECTS.values()]}
