"""Whether only its user can write a file: the file, and every folder on the way to it.

The rule is ssh's: each belongs to the user or to root, and nobody else may write there. A group
that has only the user in it (umask 002 gives new files to such a group) is allowed, and so is a
folder with the sticky bit, where others cannot replace the user's files.
"""

import errno
import grp
import os
import pwd
import shlex
import stat
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_ACCESS_LIST = "system.posix_acl_access"
_HEAD_BYTES, _ENTRY = 4, struct.Struct("<HHI")
_USER, _OWNING_GROUP, _GROUP, _WRITE = 0x02, 0x04, 0x08, 0x02
_MOST_LINKS = 40
_UNMAPPED_UID = 65534
"""In a user namespace it owns what belongs to users outside, such as `/` in a sandbox."""


class Fault(NamedTuple):
    """Why others can change a file."""

    text: str
    """Such as "/etc/x: others may write there"."""
    remedy: str


def fault(file: Path) -> Fault | None:
    """How others than the user and root can write or replace `file`; None if they cannot.

    Raises:
        OSError: the file or a folder cannot be examined.
    """
    for path, status in _way(file):
        if found := _fault_of(path, status):
            return found
    return None


def _way(file: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """All paths on the way to a file, links and their targets included; the file last."""
    here, links = Path("/"), 0
    yield here, here.lstat()
    left = list(reversed(Path(os.path.abspath(file)).parts[1:]))
    while left:
        name = left.pop()
        if name == "..":
            here = here.parent
            continue
        path = here / name
        status = path.lstat()
        yield path, status
        if not stat.S_ISLNK(status.st_mode):
            here = path
            continue
        links += 1
        if links > _MOST_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        target = Path(os.readlink(path))
        here = Path("/") if target.is_absolute() else here
        left += reversed(target.parts[1:] if target.is_absolute() else target.parts)


def _fault_of(path: Path, status: os.stat_result) -> Fault | None:
    name = shlex.quote(str(path))
    mode, is_file = status.st_mode, stat.S_ISREG(status.st_mode)
    mine = {0, os.geteuid(), *(() if is_file else (_UNMAPPED_UID,))}
    if status.st_uid not in mine:
        text = f"{path}: belongs to {user_name(status.st_uid)}, who may change it at any time"
        return Fault(text, f"if you trust it: sudo chown {user_name(os.geteuid())} {name}")
    if stat.S_ISLNK(mode) or (stat.S_ISDIR(mode) and mode & stat.S_ISVTX):
        return None
    sudo = "" if status.st_uid == os.geteuid() else "sudo "
    if mode & stat.S_IWOTH:
        return Fault(f"{path}: everybody may write there", f"{sudo}chmod go-w {name}")
    if not mode & stat.S_IWGRP:
        return None
    users, groups = _writers(path, status.st_gid)
    if users - mine or not all(map(_has_no_other_member, groups - {status.st_gid})):
        return Fault(f"{path}: an access list lets others write there", f"{sudo}setfacl -b {name}")
    if not all(map(_has_no_other_member, groups)):
        text = f"{path}: the group {_group(status.st_gid)} may write there"
        return Fault(text, f"{sudo}chmod go-w {name}")
    return None


def _writers(path: Path, gid: int) -> tuple[set[int], set[int]]:
    """The users and groups beside the owner that may write, if the mode has the group's bit.

    With an access list that bit is the list's mask: it only says that somebody in it may write.
    """
    try:
        packed = os.getxattr(path, _ACCESS_LIST)
    except OSError:  # none, or a file system without
        return set(), {gid}
    entries = list(_ENTRY.iter_unpack(packed[_HEAD_BYTES:]))
    writers = [(tag, number) for tag, rights, number in entries if rights & _WRITE]
    users = {number for tag, number in writers if tag == _USER}
    groups = {number for tag, number in writers if tag == _GROUP}
    return users, groups | {gid for tag, _ in writers if tag == _OWNING_GROUP}


def _has_no_other_member(gid: int) -> bool:
    """Whether only the user, or root, is in the group, and the group is named after them."""
    try:
        group = grp.getgrgid(gid)
        names = {"root", pwd.getpwuid(os.geteuid()).pw_name}
    except KeyError:
        return False
    return group.gr_name in names and names.issuperset(group.gr_mem)


def user_name(uid: int) -> str:
    """The name of that user; the number if it has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
