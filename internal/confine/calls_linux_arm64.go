package confine

import "golang.org/x/sys/unix"

const auditArch = unix.AUDIT_ARCH_AARCH64

// archCalls are calls that only this architecture has.
var archCalls []uint32

// archForbidden are calls of this architecture that begin a process: clone(2) is the only one.
var archForbidden []uint32
