"""Files, drives and permissions as JSON."""

from __future__ import annotations

import hashlib
from typing import Any

from pipes_sandbox.providers.google_drive.model import (
    FOLDER,
    ORGANIZERS,
    SHORTCUT,
    WRITERS,
    DriveFile,
    Permission,
    SharedDrive,
    rfc3339,
)


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


KNOWN: dict[str, frozenset[str]] = {
    "list": frozenset({"kind", "nextPageToken", "incompleteSearch", "files"}),
    "files": _names(
        "kind id name mimeType description starred trashed explicitlyTrashed parents properties appProperties spaces "
        "version webContentLink webViewLink iconLink hasThumbnail thumbnailLink viewedByMe viewedByMeTime createdTime "
        "modifiedTime modifiedByMe modifiedByMeTime sharedWithMeTime sharingUser owners teamDriveId driveId "
        "lastModifyingUser shared ownedByMe capabilities viewersCanCopyContent copyRequiresWriterPermission "
        "writersCanShare permissions permissionIds originalFilename fullFileExtension fileExtension md5Checksum "
        "sha1Checksum sha256Checksum size quotaBytesUsed headRevisionId contentHints imageMediaMetadata "
        "videoMediaMetadata isAppAuthorized exportLinks shortcutDetails contentRestrictions labelInfo resourceKey "
        "linkShareMetadata thumbnailVersion folderColorRgb trashedTime trashingUser inheritedPermissionsDisabled "
        "downloadRestrictions hasAugmentedPermissions clientEncryptionDetails"
    ),
    "permissions": _names(
        "kind id type emailAddress domain role displayName allowFileDiscovery deleted view pendingOwner photoLink "
        "expirationTime permissionDetails inheritedPermissionsDisabled"
    ),
    "permissionList": frozenset({"kind", "nextPageToken", "permissions"}),
    "drives": _names(
        "kind id name createdTime hidden capabilities restrictions colorRgb backgroundImageLink themeId orgUnitId "
        "backgroundImageFile"
    ),
    "driveList": frozenset({"kind", "nextPageToken", "drives"}),
    "comments": _names(
        "kind id author content htmlContent createdTime modifiedTime resolved deleted quotedFileContent anchor replies "
        "mentionedEmailAddresses assigneeEmailAddress"
    ),
    "replies": _names("kind id author content htmlContent createdTime modifiedTime action deleted"),
    "commentList": frozenset({"kind", "nextPageToken", "comments"}),
    "spreadsheet": _names(
        "spreadsheetId properties sheets namedRanges spreadsheetUrl developerMetadata dataSources dataSourceSchedules"
    ),
    "about": _names(
        "kind user storageQuota importFormats exportFormats maxImportSizes maxUploadSize appInstalled "
        "folderColorPalette driveThemes teamDriveThemes canCreateDrives canCreateTeamDrives"
    ),
}
FILE_DEFAULT = "kind,id,name,mimeType"
LIST_DEFAULT = f"kind,incompleteSearch,nextPageToken,files({FILE_DEFAULT})"


def user(email: str, me: str) -> dict[str, Any]:
    return {
        "kind": "drive#user",
        "displayName": email.split("@")[0].capitalize(),
        "me": email == me,
        "permissionId": Permission("user", "owner", email).id,
        "emailAddress": email,
    }


def file(item: DriveFile, me: str, role: str, target: DriveFile | None) -> dict[str, Any]:
    """`role` is the asking person's; `target` what a shortcut points to, as far as that is known."""
    shape: dict[str, Any] = {
        "kind": "drive#file",
        "id": item.id,
        "name": item.name,
        "mimeType": item.mime_type,
        "starred": item.starred,
        "trashed": item.trashed,
        "explicitlyTrashed": item.trashed,
        "parents": [("root" if parent.startswith("root:") else parent) for parent in item.parents],
        "spaces": ["drive"],
        "version": str(item.version),
        "webViewLink": _link(item),
        "createdTime": rfc3339(item.created),
        "modifiedTime": rfc3339(item.modified),
        "viewedByMe": item.viewed is not None,
        "shared": bool(item.permissions) or item.drive_id is not None,
        "ownedByMe": item.owner == me,
        "isAppAuthorized": item.by_app,
        "capabilities": {
            "canEdit": role in WRITERS,
            "canComment": role in WRITERS or role == "commenter",
            "canShare": role in WRITERS,
            "canTrash": role in WRITERS,
            "canDelete": role in ORGANIZERS,
            "canDownload": True,
            "canCopy": True,
        },
    }
    if item.owner:
        shape["owners"] = [user(item.owner, me)]
        shape["lastModifyingUser"] = user(item.owner, me)
    if item.drive_id:
        shape["driveId"] = shape["teamDriveId"] = item.drive_id
    if item.viewed:
        shape["viewedByMeTime"] = rfc3339(item.viewed)
    if item.description is not None:
        shape["description"] = item.description
    for name, values in (("properties", item.properties), ("appProperties", item.app_properties)):
        if values:
            shape[name] = values
    if role in WRITERS:
        shape["permissions"] = permissions(item)
        shape["permissionIds"] = [each["id"] for each in shape["permissions"]]
    if item.shortcut_to:
        shape["shortcutDetails"] = {"targetId": item.shortcut_to}
        if target is not None:
            shape["shortcutDetails"]["targetMimeType"] = target.mime_type
    if not item.editor:
        shape |= {
            "size": str(len(item.content)),
            "md5Checksum": hashlib.md5(item.content, usedforsecurity=False).hexdigest(),
            "sha256Checksum": hashlib.sha256(item.content).hexdigest(),
            "originalFilename": item.name,
            "webContentLink": f"https://drive.google.com/uc?id={item.id}&export=download",
        }
    elif item.mime_type not in (FOLDER, SHORTCUT):
        shape["size"] = str(max(1024, len(item.content)))
    return shape


def _link(item: DriveFile) -> str:
    places = {"document": "document", "spreadsheet": "spreadsheets", "presentation": "presentation"}
    kind = item.mime_type.rpartition(".")[2]
    if item.mime_type == FOLDER:
        return f"https://drive.google.com/drive/folders/{item.id}"
    if item.editor and kind in places:
        return f"https://docs.google.com/{places[kind]}/d/{item.id}/edit?usp=drivesdk"
    return f"https://drive.google.com/file/d/{item.id}/view?usp=drivesdk"


def permission(each: Permission) -> dict[str, Any]:
    shape = {"kind": "drive#permission", "id": each.id, "type": each.kind, "role": each.role}
    if each.kind in ("user", "group"):
        shape |= {"emailAddress": each.address, "displayName": each.address.split("@")[0].capitalize()}
    elif each.kind == "domain":
        shape["domain"] = each.address
    return shape


def permissions(item: DriveFile) -> list[dict[str, Any]]:
    owner = [Permission("user", "owner", item.owner)] if item.owner else []
    return [permission(each) for each in (*owner, *item.permissions)]


def drive(item: SharedDrive, role: str) -> dict[str, Any]:
    return {
        "kind": "drive#drive",
        "id": item.id,
        "name": item.name,
        "createdTime": rfc3339(item.created),
        "hidden": False,
        "capabilities": {"canListChildren": True, "canEdit": role in WRITERS, "canAddChildren": role in WRITERS},
    }
