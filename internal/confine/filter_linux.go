//go:build amd64 || arm64

package confine

import (
	"errors"
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// A system call that the filter refuses fails with EPERM, so that a call which nobody thought of is an error in the log and not the
// end of all connections. clone3(2) fails with ENOSYS: its arguments are in memory that a filter can't read, and C libraries then
// take clone(2).
const (
	allow  = unix.SECCOMP_RET_ALLOW
	refuse = unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)
	absent = unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)
)

// checkedCall is a system call that is allowed if all tests hold.
type checkedCall struct {
	number uint32
	tests  []test
}

// test looks at the lower 32 bits of an argument, which is all of an int.
type test struct {
	arg        uint32
	oneOf      []uint32
	set, clear uint32 // bits
	null       bool   // a pointer: all 64 bits are zero
}

// filterCalls installs the filter of a role on all threads.
func filterCalls(role Role) []Missing {
	raw, err := bpf.Assemble(filterOf(role).program())
	if err != nil {
		return refused("seccomp", err)
	}
	return refused("seccomp", install(raw))
}

// filterOf returns the filter of a role. A front may make the calls that a list names. A security module, whose calls are many, may make
// all but those of a list. Neither begins a process.
func filterOf(role Role) filter {
	if role == Front {
		return filter{verdict: allow, plain: frontCalls, checked: checkedCalls(uint32(os.Getpid())), others: refuse} //nolint:gosec // positive
	}
	return filter{verdict: refuse, plain: moduleCalls, checked: []checkedCall{cloneThread}, others: allow}
}

// install hands the filter to the kernel. On success the result is zero; a positive one is a thread that has another filter, and then
// no thread got this one.
func install(raw []bpf.RawInstruction) error {
	filters := make([]unix.SockFilter, len(raw))
	for i, r := range raw {
		filters[i] = unix.SockFilter{Code: r.Op, Jt: r.Jt, Jf: r.Jf, K: r.K}
	}
	prog := unix.SockFprog{Len: uint16(len(filters)), Filter: &filters[0]} //nolint:gosec // a few hundred
	thread, _, e := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&prog)))
	switch {
	case errors.Is(e, unix.ENOSYS):
		return errors.New("the kernel has none")
	case e != 0:
		return e
	case thread != 0:
		return fmt.Errorf("thread %d has a filter of its own", thread)
	}
	return nil
}

// filter says what becomes of system calls.
type filter struct {
	verdict uint32 // of the plain calls
	plain   []uint32
	checked []checkedCall
	others  uint32 // the verdict of all other calls
}

// program assembles the filter. The calls of other architectures, which the processor can make too, are refused.
//
// github.com/elastic/go-seccomp-bpf would assemble it from names. But where a check of arguments fails, its filters go on to compare the
// argument with the numbers of later calls, and so allow a clone(2) whose flags are the number of an allowed call; and it takes
// a filter that no thread got for an installed one.
func (f filter) program() []bpf.Instruction {
	p := []bpf.Instruction{
		load(offArch),
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: auditArch, SkipTrue: 1},
		bpf.RetConstant{Val: refuse},
		load(offNumber),
		bpf.JumpIf{Cond: bpf.JumpLessThan, Val: x32Calls, SkipTrue: 1},
		bpf.RetConstant{Val: refuse},
	}
	for _, number := range f.plain {
		p = append(p, when(number, []bpf.Instruction{bpf.RetConstant{Val: f.verdict}})...)
	}
	for _, call := range f.checked {
		var body []bpf.Instruction
		for _, t := range call.tests {
			body = append(body, t.instructions()...)
		}
		// The body ends the program either way, so that no later line takes an argument for the number.
		p = append(p, when(call.number, append(body, bpf.RetConstant{Val: allow}))...)
	}
	p = append(p, when(unix.SYS_CLONE3, []bpf.Instruction{bpf.RetConstant{Val: absent}})...)
	return append(p, bpf.RetConstant{Val: f.others})
}

// x32Calls is where the numbers of a second set of calls begin, which amd64 has on some kernels.
const x32Calls = 0x40000000

// when runs the body if the loaded number is that of the call. The lists are short, so no skip is over 255.
func when(number uint32, body []bpf.Instruction) []bpf.Instruction {
	return append([]bpf.Instruction{bpf.JumpIf{Cond: bpf.JumpEqual, Val: number, SkipFalse: uint8(len(body))}}, body...) //nolint:gosec // see above
}

// instructions return to the caller of the filter if the test fails, and run to their end if it holds.
func (t test) instructions() []bpf.Instruction {
	low, high := load(offArgs+8*t.arg), load(offArgs+8*t.arg+4)
	no := bpf.RetConstant{Val: refuse}
	switch {
	case t.null:
		return []bpf.Instruction{
			low,
			bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0, SkipTrue: 1},
			no,
			high,
			bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0, SkipTrue: 1},
			no,
		}
	case t.set != 0:
		return []bpf.Instruction{low, bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: t.set, SkipTrue: 1}, no}
	case t.clear != 0:
		return []bpf.Instruction{low, bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: t.clear, SkipFalse: 1}, no}
	}
	all := []bpf.Instruction{low}
	for i, v := range t.oneOf {
		all = append(all, bpf.JumpIf{Cond: bpf.JumpEqual, Val: v, SkipTrue: uint8(len(t.oneOf) - i)}) //nolint:gosec // a few
	}
	return append(all, no)
}

// The offsets in struct seccomp_data. Both architectures have the lower half of an argument first.
const (
	offNumber = 0
	offArch   = 4
	offArgs   = 16
)

func load(offset uint32) bpf.Instruction { return bpf.LoadAbsolute{Off: offset, Size: 4} }
