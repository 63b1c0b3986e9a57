"""A filter of system calls: what no game needs and an attacker would like.

The sandbox hides files, processes and the network; the filter takes away the calls through which its walls were
climbed before: mounting, new namespaces, keys, BPF, kernel modules, io_uring. It is a deny list on purpose: a
game may be any program, Wine included, and an allow list would break what nobody tested.

The program is classic BPF as `seccomp(2)` takes it. Calls of another architecture than the ones below fail.
Sources: seccomp(2), linux/seccomp.h, linux/bpf_common.h, and the kernel's own call tables.
"""

import errno
import struct

LOAD = 0x20  # BPF_LD | BPF_W | BPF_ABS
JUMP_EQUAL = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
JUMP_AT_LEAST = 0x35  # BPF_JMP | BPF_JGE | BPF_K
JUMP_ANY_BIT = 0x45  # BPF_JMP | BPF_JSET | BPF_K
RETURN = 0x06  # BPF_RET | BPF_K
ALLOW = 0x7FFF0000
FAIL = 0x00050000

CALL_OFFSET = 0  # of struct seccomp_data
ARCHITECTURE_OFFSET = 4
FIRST_ARGUMENT_OFFSET = 16
NAMESPACES = 0x7E020000
"""CLONE_NEW*: namespaces of mounts, cgroups, hosts, IPC, users, processes and network."""
X32 = 0x40000000

ARCHITECTURES = {0xC000003E: 0, 0x40000003: 1, 0xC00000B7: 2}
"""AUDIT_ARCH_ of x86-64, i386 and arm64, and the column below. Little-endian all three."""

REFUSED = {
    "acct": (163, 51, 89),
    "add_key": (248, 286, 217),
    "bpf": (321, 357, 280),
    "clock_settime": (227, 264, 112),
    "delete_module": (176, 129, 106),
    "finit_module": (313, 350, 273),
    "fsconfig": (431, 431, 431),
    "fsmount": (432, 432, 432),
    "fsopen": (430, 430, 430),
    "fspick": (433, 433, 433),
    "init_module": (175, 128, 105),
    "kexec_file_load": (320, None, 294),
    "kexec_load": (246, 283, 104),
    "keyctl": (250, 288, 219),
    "lookup_dcookie": (212, 253, 18),
    "mount": (165, 21, 40),
    "mount_setattr": (442, 442, 442),
    "move_mount": (429, 429, 429),
    "open_by_handle_at": (304, 342, 265),
    "open_tree": (428, 428, 428),
    "perf_event_open": (298, 336, 241),
    "pivot_root": (155, 217, 41),
    "quotactl": (179, 131, 60),
    "reboot": (169, 88, 142),
    "request_key": (249, 287, 218),
    "setns": (308, 346, 268),
    "settimeofday": (164, 79, 170),
    "swapoff": (168, 115, 225),
    "swapon": (167, 87, 224),
    "syslog": (103, 103, 116),
    "umount2": (166, 52, 39),
    "unshare": (272, 310, 97),
    "userfaultfd": (323, 374, 282),
}
"""Calls that fail with EPERM, by their numbers on x86-64, i386 and arm64."""

MISSING = {
    "clone3": (435, 435, 435),
    "io_uring_setup": (425, 425, 425),
    "io_uring_enter": (426, 426, 426),
    "io_uring_register": (427, 427, 427),
}
"""Calls that fail with ENOSYS, so that the C library falls back. A filter cannot look into clone3's arguments."""

CLONE = (56, 120, 220)


def program() -> bytes:
    """The filter as an array of `struct sock_filter`, as bubblewrap's `--seccomp` reads it."""
    lines = [_line(LOAD, ARCHITECTURE_OFFSET)]
    for architecture, column in ARCHITECTURES.items():
        section = _section(column)
        lines += [_line(JUMP_EQUAL, architecture, no=len(section)), *section]
    return b"".join([*lines, _line(RETURN, FAIL | errno.ENOSYS)])


def _section(column: int) -> list[bytes]:
    """The rules of one architecture; every path through them returns.

    They end in three returns: allow, EPERM, ENOSYS; jumps count the lines between themselves and those.
    """
    refused = [number for row in REFUSED.values() if (number := row[column]) is not None]
    missing = [row[column] for row in MISSING.values()]
    returns = [_line(RETURN, ALLOW), _line(RETURN, FAIL | errno.EPERM), _line(RETURN, FAIL | errno.ENOSYS)]
    clone = [_line(LOAD, FIRST_ARGUMENT_OFFSET), _line(JUMP_ANY_BIT, NAMESPACES, yes=1, no=0)]
    body = [_line(JUMP_EQUAL, CLONE[column], no=len(clone)), *clone]  # grows at its head: distances are known
    for number in refused:
        body.insert(0, _line(JUMP_EQUAL, number, yes=len(body) + 1))
    for number in missing:
        body.insert(0, _line(JUMP_EQUAL, number, yes=len(body) + 2))
    if column == 0:  # x32: the same calls under other numbers
        body.insert(0, _line(JUMP_AT_LEAST, X32, yes=len(body) + 2))
    return [_line(LOAD, CALL_OFFSET), *body, *returns]


def _line(code: int, value: int, *, yes: int = 0, no: int = 0) -> bytes:
    return struct.pack("<HBBI", code, yes, no, value)
