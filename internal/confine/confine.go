// Package confine takes from a process what it does not need, so that whoever takes the process over gains little: files, sockets,
// programs, privileges, and the memory of other processes. On Linux it uses rlimits, prctl(2), capabilities, Landlock and seccomp.
// Other systems have none of it but the limit of core files, and Apply says so.
package confine

import "fmt"

// Role says what kind of process calls Apply.
type Role uint8

const (
	// Main opens sockets and starts the others. It keeps files, programs and its user's privileges: Apply closes its memory and
	// forbids new privileges to it and to all that it starts.
	Main Role = iota
	// SecurityModule reads the system's files and the paths of its Rules, dials, and opens UDP sockets. It starts no program,
	// listens to no TCP port, and signals no other process.
	SecurityModule
	// Front works with the descriptors that it inherited. It opens no file and no socket, and starts no process.
	Front
)

// String returns the name that logs and errors use.
func (r Role) String() string {
	switch r {
	case Main:
		return "main"
	case SecurityModule:
		return "security module"
	case Front:
		return "front"
	}
	return fmt.Sprintf("role %d", uint8(r))
}

// Rules says what one process needs beyond its role.
//
// Paths are what is in place when Apply runs, because Landlock remembers files and not names: a file that is replaced by a rename is
// another file. So a path of a file gives its folder, with all that is below, and the folder of the file that a symbolic link
// leads to. Only a file in the root folder is given alone. A symbolic link on the way that leads to another name in its folder gives that
// folder, since it may be turned. A symbolic link in a folder gives nothing outside that folder.
type Rules struct {
	Role Role
	// ReadWrite are folders and files that exist. No program in them can be started.
	ReadWrite []string
	// Read are folders and files. Apply skips a missing one.
	Read []string
	// AddressSpace limits the memory that the process maps, in octets. Zero is no limit, and less than MinAddressSpace an error.
	AddressSpace uint64
}

// MinAddressSpace is the least address space for a front. The Go runtime reserves about 1.2 GiB before it uses any of it, another
// 64 MiB for each step of the heap, and 8 MiB of stack for each thread where C code is linked. A process that reaches its limit ends
// with "out of memory", so the limit is a bound for a front that has gone wild and not for one that is busy.
const MinAddressSpace = 2 << 30

// Missing is a protection that this process does without.
type Missing struct {
	Name string // the protection: landlock, seccomp, mlock
	Why  string // what the kernel said, or what it lacks
}

// String is a line for the log.
func (m Missing) String() string { return m.Name + ": " + m.Why }

// check refuses rules that contradict themselves.
func (r Rules) check() error {
	if r.Role > Front {
		return fmt.Errorf("confine: there is no %v", r.Role)
	}
	if r.Role != SecurityModule && len(r.Read)+len(r.ReadWrite) > 0 {
		return fmt.Errorf("confine: paths are rules of the security module, and this is a %v process", r.Role)
	}
	if r.AddressSpace != 0 && r.AddressSpace < MinAddressSpace {
		return fmt.Errorf("confine: an address space of %d octets is too small for a Go process: the least is %d", r.AddressSpace, uint64(MinAddressSpace))
	}
	return nil
}
