"""Archives that no NeMo would write, header by header: Python's own writer refuses most of them."""

import gzip

from fakes.made_nemo import FILES

BLOCK = 512
END = bytes(2 * BLOCK)


def octal(number, width):
    return f"{number:0{width - 1}o}".encode() + b"\0"


def header(name, size=0, kind=b"0", *, link=b"", mode=0o644, prefix=b"", size_field=None):
    """One header; `size_field` as it stands there, whatever the size."""
    field = octal(size, 12) if size_field is None else size_field
    head = (
        name[:100].ljust(100, b"\0")
        + octal(mode, 8)
        + octal(0, 8) * 2
        + field
        + octal(0, 12)
        + b" " * 8
        + kind
        + link[:100].ljust(100, b"\0")
        + b"ustar\x0000"
        + bytes(32 + 32 + 16)
        + prefix[:155].ljust(155, b"\0")
    ).ljust(BLOCK, b"\0")
    return head[:148] + f"{sum(head):06o}".encode() + b"\0 " + head[156:]


def padded(data):
    return data + bytes(-len(data) % BLOCK)


def member(name, data=b"evil", **changed):
    return header(name, len(data), **changed) + padded(data)


def notes(kind=b"x", **told):
    """An extended header; `_` in a key stands for a dot."""
    text = b""
    for key, value in told.items():
        line = f" {key.replace('_', '.')}={value}\n".encode()
        length = len(line) + len(str(len(line) + 2))
        text += str(length).encode() + line
    return member(b"././@PaxHeader", text, kind=kind)


def good(files=FILES):
    """The members of a good archive, without its end."""
    return b"".join(member(name.encode(), data) for name, data in files.items())


def bomb(megabytes):
    """A compressed archive whose weights are zeros without end."""
    config = FILES["./model_config.yaml"]
    zeros = bytes(1 << 20)
    out = gzip.compress(member(b"./model_config.yaml", config), mtime=0)
    out += gzip.compress(member(b"./a1b2_tokenizer.model", b"pieces"), mtime=0)
    out += gzip.compress(header(b"./model_weights.ckpt", megabytes << 20), mtime=0)
    return out + gzip.compress(zeros, mtime=0) * megabytes + gzip.compress(END, mtime=0)
