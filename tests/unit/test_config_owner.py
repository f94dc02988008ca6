"""A configuration that others may write is not taken; the command that mends it is told."""

import contextlib
import grp
import os
import pwd
import shutil
import struct
import subprocess
import tempfile
from pathlib import Path

import pytest

from swictation.asr.registry import PROVIDERS
from swictation.config.load import load
from swictation.errors import ConfigError

pytestmark = pytest.mark.unit

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be another user")
STRANGER = 4242
USER, GROUP = 0x02, 0x08


@pytest.fixture
def home():
    """A folder that any user can reach; pytest's own are closed."""
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def file(home):
    path = home / ".config" / "swictation" / "config.toml"
    path.parent.mkdir(parents=True)
    path.write_text("[vad]\nhang_over_s = 1\n")
    return path


@pytest.fixture
def user(home, file):
    """Somebody who has a group of his own, whose home it is; the test goes on as him."""
    names = {group.gr_name: group for group in grp.getgrall()}
    users = [
        one
        for one in pwd.getpwall()
        if one.pw_uid and one.pw_name in names and names[one.pw_name].gr_gid == one.pw_gid
    ]
    if os.geteuid() or not users:
        pytest.skip("needs root, and a user with a group of his own")
    for path in (home, *home.rglob("*")):
        os.chown(path, users[0].pw_uid, users[0].pw_gid)
    with acting_as(users[0]):
        yield users[0]


@contextlib.contextmanager
def acting_as(user):
    before = os.geteuid(), os.getegid()
    _become(user.pw_uid, user.pw_gid)
    try:
        yield
    finally:
        _become(*before)


def _become(uid: int, gid: int) -> None:
    os.seteuid(0)
    os.setegid(gid)
    os.seteuid(uid)


def refused(file: Path) -> ConfigError:
    with pytest.raises(ConfigError, match="the configuration is not used") as caught:
        load(file, PROVIDERS)
    return caught.value


def is_taken(file: Path) -> bool:
    return load(file, PROVIDERS).settings.vad.hang_over_s == 1.0


def test_a_file_that_all_may_write_is_refused_until_the_command_is_typed(file):
    file.chmod(0o666)
    told = refused(file)
    assert f"{file}: everybody may write there" in told.message
    assert told.remedy == f"chmod go-w {file}"
    subprocess.run(["sh", "-c", told.remedy], check=True)
    assert is_taken(file)


@pytest.mark.parametrize("level", [0, 1, 2])
def test_a_folder_on_the_way_that_all_may_write_is_as_bad(file, level):
    folder = file.parents[level]
    folder.chmod(0o777)
    told = refused(file)
    assert f"{folder}: everybody may write there" in told.message
    subprocess.run(["sh", "-c", told.remedy], check=True)
    assert is_taken(file)


def test_where_all_keep_their_own_files_ones_own_is_taken(home):
    home.chmod(0o1777)  # as /tmp
    own = home / "config.toml"
    own.write_text("[vad]\nhang_over_s = 1\n")
    assert is_taken(own)


def test_of_a_link_all_is_looked_at_that_leads_to_the_file(home, file):
    dotfiles = home / "dotfiles"
    (dotfiles / "swictation").mkdir(parents=True)
    real = dotfiles / "swictation" / "config.toml"
    file.rename(real)
    (dotfiles / "hop").symlink_to("swictation")
    file.symlink_to("../../dotfiles/hop/config.toml")
    assert is_taken(file)
    for bad, mode in ((real, 0o646), (dotfiles, 0o777), (file.parent, 0o757)):
        before = bad.stat().st_mode
        bad.chmod(mode)
        assert f"{bad}: everybody" in refused(file).message
        bad.chmod(before)
    assert is_taken(file)


def test_links_in_a_circle_are_told(home, file):
    file.unlink()
    file.symlink_to(file.name)
    with pytest.raises(ConfigError, match="cannot be read: Too many levels"):
        load(file, PROVIDERS)


@needs_root
@pytest.mark.parametrize("level", [-1, 0, 1])
def test_what_belongs_to_somebody_else_is_refused(file, level):
    path = file if level < 0 else file.parents[level]
    os.chown(path, STRANGER, -1)
    told = refused(file)
    assert f"{path}: belongs to {STRANGER}" in told.message
    subprocess.run(["sh", "-c", told.remedy.partition("sudo ")[2]], check=True)
    assert is_taken(file)


@needs_root
def test_a_link_of_somebody_elses_to_ones_own_file_is_refused(home, file):
    home.chmod(0o1777)
    link = home / "link.toml"
    link.symlink_to(file)
    os.chown(link, STRANGER, STRANGER, follow_symlinks=False)
    assert f"{link}: belongs to {STRANGER}" in refused(link).message


def test_a_group_that_is_ones_own_alone_may_write(user, file):
    for path in (file, file.parent):
        path.chmod(path.stat().st_mode | 0o020)
    assert is_taken(file)


def test_roots_file_is_taken(user, file):
    with acting_as(pwd.getpwuid(0)):
        os.chown(file, 0, 0)
    assert is_taken(file)


def test_a_group_of_others_may_not_write(user, file):
    others = next(group for group in grp.getgrall() if group.gr_gid not in (0, user.pw_gid))
    with acting_as(pwd.getpwuid(0)):
        os.chown(file, -1, others.gr_gid)
        file.chmod(0o664)
    told = refused(file)
    assert f"{file}: the group {others.gr_name} may write there" in told.message
    assert told.remedy == f"chmod go-w {file}"


def set_access_list(path, *entries):
    """Owner and group may write; `entries` are tag, rights and number of others."""
    whole = sorted([(0x01, 7, -1), (0x04, 6, -1), *entries, (0x10, 7, -1), (0x20, 5, -1)])
    packed = b"".join(struct.pack("<HHi", *entry) for entry in whole)
    try:
        os.setxattr(path, "system.posix_acl_access", (2).to_bytes(4, "little") + packed)
    except OSError as error:
        pytest.skip(f"no access lists here: {error.strerror}")


@pytest.mark.parametrize("tag", [USER, GROUP])
def test_an_access_list_that_lets_others_write_is_seen(file, tag):
    set_access_list(file, (tag, 6, STRANGER))
    assert "an access list lets others write there" in refused(file).message
    assert refused(file).remedy == f"setfacl -b {file}"


def test_an_access_list_that_lets_others_in_and_not_write_is_taken(user, home, file):
    set_access_list(home, (USER, 1, STRANGER), (GROUP, 5, STRANGER))  # a server that reads there
    set_access_list(file, (USER, 6, user.pw_uid), (USER, 4, STRANGER))
    assert load(file, PROVIDERS).path == file
