package confine

import (
	"fmt"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
	"kernel.org/pub/linux/libs/security/libcap/psx"
)

// Apply gives up what the process does not need, on all threads and for good. Call it before the process reads strangers' input,
// and after it has opened what its role does not let it open. It returns the protections that the kernel lacks or refuses. An error
// means that the process must end: the rules are wrong, or its memory can't be closed.
func Apply(r Rules) ([]Missing, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	if err := closeMemory(); err != nil {
		return nil, err
	}
	if err := allThreads(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1); err != nil {
		return nil, fmt.Errorf("new privileges are not forbidden: %w", err)
	}
	_, _ = time.Now().Zone() // reads the time zone, which a front can't do later: Go would go on in UTC without a word
	missing := limitAddressSpace(r.AddressSpace)
	if r.Role == Main {
		return missing, nil
	}
	missing = append(missing, dropCapabilities(r.Role)...)
	unrestricted, err := restrictPaths(r)
	if err != nil {
		return nil, err
	}
	missing = append(missing, unrestricted...)
	return append(missing, filterCalls(r.Role)...), nil
}

// closeMemory keeps keys and passwords in this process. Without core files nothing writes them to the disk. A process that is not
// dumpable is also closed to others of its user, and to a core_pattern that is a pipe, which gets a core whatever the limit is (core(5)).
func closeMemory() error {
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("core files are not switched off: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("the memory is not closed to other processes: %w", err)
	}
	return nil
}

// limitAddressSpace sets RLIMIT_AS. RLIMIT_NPROC would not do against new processes: it counts the threads of all processes of the
// user, so two fronts of one user would starve each other. The seccomp filter forbids new processes instead.
func limitAddressSpace(octets uint64) []Missing {
	if octets == 0 {
		return nil
	}
	if sanitized {
		return []Missing{{Name: "address space", Why: "this binary is built with a sanitizer, which maps terabytes"}}
	}
	return refused("address space", unix.Setrlimit(unix.RLIMIT_AS, &unix.Rlimit{Cur: octets, Max: octets}))
}

// kept are the capabilities that a security module keeps when it runs as root: to read its files and /etc/shadow whoever owns
// them, and to keep the owner of a file that it replaces.
const kept = 1<<unix.CAP_CHOWN | 1<<unix.CAP_DAC_OVERRIDE | 1<<unix.CAP_DAC_READ_SEARCH | 1<<unix.CAP_FOWNER

// dropCapabilities matters for a process that runs as root: another user's process has none. They do not come back,
// since no_new_privs is set.
func dropCapabilities(role Role) []Missing {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var sets [2]unix.CapUserData // the lower and the upper 32 capabilities
	if err := unix.Capget(&header, &sets[0]); err != nil {
		return refused("capabilities", err)
	}
	var low uint32
	if role == SecurityModule {
		low = kept & sets[0].Permitted
	}
	sets = [2]unix.CapUserData{{Effective: low, Permitted: low}, {}}
	return refused("capabilities",
		allThreads(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&sets))))
}

// refused names a protection whose system call failed.
func refused(name string, err error) []Missing {
	if err == nil {
		return nil
	}
	return []Missing{{Name: name, Why: err.Error()}}
}

// allThreads makes a system call on every thread: what prctl(2) and capset(2) change is the calling thread's alone.
func allThreads(call, a, b uintptr) error {
	// prctl(2) wants zeros in the arguments that it does not use, and psx.Syscall3 leaves them undefined where it is C code.
	if _, _, e := psx.Syscall6(call, a, b, 0, 0, 0, 0); e != 0 {
		return e
	}
	return nil
}
