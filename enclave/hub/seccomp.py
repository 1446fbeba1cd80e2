"""What a session may not ask the kernel for: a filter on system calls, as BPF that bubblewrap installs.

Everything is allowed except what reaches out of the sandbox or makes a new one. Source of the reasons:
seccomp(2), and AF_VSOCK, which network namespaces do not confine, so that on a virtual machine it is a way to
the host.
"""

from __future__ import annotations

import errno
import os
import socket
from functools import cache
from typing import Any

#: Refused with EPERM, whatever the arguments. Names that this architecture does not have are passed over.
DENIED = (
    *("ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "pidfd_getfd", "kcmp"),
    *("mount", "umount", "umount2", "pivot_root", "chroot", "move_mount", "open_tree", "open_tree_attr"),
    *("fsopen", "fsconfig", "fsmount", "fspick", "mount_setattr", "statmount", "listmount"),
    *("unshare", "setns", "bpf", "perf_event_open", "userfaultfd"),
    *("io_uring_setup", "io_uring_enter", "io_uring_register"),
    *("keyctl", "add_key", "request_key"),
    *("init_module", "finit_module", "delete_module", "kexec_load", "kexec_file_load", "reboot"),
    *("swapon", "swapoff", "acct", "quotactl", "quotactl_fd", "syslog", "lookup_dcookie"),
    *("open_by_handle_at", "name_to_handle_at", "fanotify_init"),
    *("iopl", "ioperm", "modify_ldt", "personality", "uselib", "vhangup", "nfsservctl"),
    *("settimeofday", "clock_settime", "clock_adjtime", "adjtimex", "sethostname", "setdomainname"),
)

#: Socket families that may be made: the loopback of an own network namespace, and UNIX sockets.
FAMILIES = (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK)

_CLONE_NEW = (0x00000080, 0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000)
_NETLINK_ROUTE = 0  # libzmq lists the interfaces with it
_TERMINAL_INJECTION = (0x5412, 0x541C)  # TIOCSTI, TIOCLINUX


@cache
def program() -> bytes:
    """The filter as BPF.

    Raises:
        RuntimeError: when libseccomp is not installed.
    """
    import pyseccomp as seccomp  # noqa: PLC0415 - needs libseccomp; whoever only reads the table does not

    rules = seccomp.SyscallFilter(seccomp.ALLOW)
    refuse = seccomp.ERRNO(errno.EPERM)

    def deny(name: str, *arguments: Any, action: int = refuse) -> None:
        try:
            known = seccomp.resolve_syscall(seccomp.system_arch(), name) >= 0
        except OSError:
            known = False
        if known:
            rules.add_rule(action, name, *arguments)

    for name in DENIED:
        deny(name)
    # clone3 passes its flags by pointer, which a filter cannot read: "not implemented" makes libc use clone.
    deny("clone3", action=seccomp.ERRNO(errno.ENOSYS))
    for flag in _CLONE_NEW:
        deny("clone", seccomp.Arg(0, seccomp.MASKED_EQ, flag, flag))
    for request in _TERMINAL_INJECTION:
        deny("ioctl", seccomp.Arg(1, seccomp.MASKED_EQ, 0xFFFFFFFF, request))

    no_family = seccomp.ERRNO(errno.EAFNOSUPPORT)
    highest = max(FAMILIES)
    for call in ("socket", "socketpair"):
        # The kernel reads 32 of the 64 bits: "greater than" also catches a family hidden under high bits.
        deny(call, seccomp.Arg(0, seccomp.GT, int(highest)), action=no_family)
        for family in range(highest):
            if family not in FAMILIES:
                deny(call, seccomp.Arg(0, seccomp.EQ, family), action=no_family)
        deny(
            call,
            seccomp.Arg(0, seccomp.EQ, int(socket.AF_NETLINK)),
            seccomp.Arg(2, seccomp.NE, _NETLINK_ROUTE),
            action=no_family,
        )
    fd = os.memfd_create("seccomp")
    with os.fdopen(fd, "w+b") as file:
        rules.export_bpf(file)
        file.seek(0)
        return file.read()
