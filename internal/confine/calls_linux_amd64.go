package confine

import "golang.org/x/sys/unix"

const auditArch = unix.AUDIT_ARCH_X86_64

// archCalls are calls that only this architecture has.
var archCalls = []uint32{unix.SYS_EPOLL_WAIT, unix.SYS_POLL, unix.SYS_DUP2, unix.SYS_TIME}

// archForbidden are calls of this architecture that begin a process.
var archForbidden = []uint32{unix.SYS_FORK, unix.SYS_VFORK}
