//go:build amd64 || arm64

package confine

import "golang.org/x/sys/unix"

// frontCalls are the system calls that a front may make whatever their arguments: those of the Go runtime, and those on descriptors that it
// has. The frequent ones are first, for kernels that run the filter for each call.
var frontCalls = append([]uint32{
	unix.SYS_READ, unix.SYS_WRITE, unix.SYS_FUTEX, unix.SYS_EPOLL_PWAIT, unix.SYS_NANOSLEEP,
	unix.SYS_RECVFROM, unix.SYS_SENDTO, unix.SYS_RECVMSG, unix.SYS_SENDMSG, unix.SYS_RECVMMSG, unix.SYS_SENDMMSG,
	unix.SYS_READV, unix.SYS_WRITEV, unix.SYS_ACCEPT4, unix.SYS_CLOSE, unix.SYS_SHUTDOWN,
	unix.SYS_EPOLL_CTL, unix.SYS_SETSOCKOPT, unix.SYS_GETSOCKOPT, unix.SYS_GETSOCKNAME, unix.SYS_GETPEERNAME,

	// Memory, threads, signals and clocks of the process itself.
	unix.SYS_MUNMAP, unix.SYS_MADVISE, unix.SYS_MINCORE, unix.SYS_MREMAP, unix.SYS_BRK, unix.SYS_MLOCK, unix.SYS_MUNLOCK,
	unix.SYS_SCHED_YIELD, unix.SYS_SCHED_GETAFFINITY, unix.SYS_GETTID, unix.SYS_GETPID, unix.SYS_GETPPID,
	unix.SYS_SET_TID_ADDRESS, unix.SYS_SET_ROBUST_LIST, unix.SYS_RSEQ, unix.SYS_MEMBARRIER, unix.SYS_EXIT, unix.SYS_EXIT_GROUP,
	unix.SYS_RT_SIGACTION, unix.SYS_RT_SIGPROCMASK, unix.SYS_RT_SIGRETURN, unix.SYS_SIGALTSTACK, unix.SYS_RESTART_SYSCALL,
	unix.SYS_CLOCK_GETTIME, unix.SYS_CLOCK_GETRES, unix.SYS_CLOCK_NANOSLEEP, unix.SYS_GETTIMEOFDAY,
	unix.SYS_SETITIMER, unix.SYS_TIMER_CREATE, unix.SYS_TIMER_SETTIME, unix.SYS_TIMER_DELETE,
	unix.SYS_GETRANDOM, unix.SYS_GETRUSAGE, unix.SYS_GETRLIMIT, unix.SYS_UNAME,
	unix.SYS_GETUID, unix.SYS_GETEUID, unix.SYS_GETGID, unix.SYS_GETEGID,

	// Descriptors: none of these opens a file by a name.
	unix.SYS_EPOLL_CREATE1, unix.SYS_EVENTFD2, unix.SYS_PIPE2, unix.SYS_DUP, unix.SYS_DUP3, unix.SYS_PPOLL,
	unix.SYS_FSTAT, unix.SYS_LSEEK, unix.SYS_PREAD64, unix.SYS_PWRITE64, unix.SYS_SPLICE,
}, archCalls...)

// cloneThread lets threads begin, but no processes.
var cloneThread = checkedCall{unix.SYS_CLONE, []test{{arg: 0, set: unix.CLONE_THREAD}, {arg: 0, clear: newNamespaces}}}

const (
	// newNamespaces are the flags of clone(2) that begin a namespace.
	newNamespaces = unix.CLONE_NEWNS | unix.CLONE_NEWCGROUP | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWUSER |
		unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWTIME

	// nameMapping is PR_SET_VMA: the Go runtime names its mappings.
	nameMapping = 0x53564d41
)

// moduleCalls are the system calls that a security module may not make. Landlock closes programs and TCP ports to it as well, but not a
// listener of Go's net package, whose sockets are of the protocol MPTCP; and io_uring makes calls that no filter sees.
var moduleCalls = append([]uint32{
	unix.SYS_LISTEN, unix.SYS_ACCEPT, unix.SYS_ACCEPT4,
	unix.SYS_EXECVE, unix.SYS_EXECVEAT, unix.SYS_UNSHARE, unix.SYS_SETNS, unix.SYS_CHROOT, unix.SYS_PIVOT_ROOT, unix.SYS_PERSONALITY,
	unix.SYS_PTRACE, unix.SYS_PROCESS_VM_READV, unix.SYS_PROCESS_VM_WRITEV, unix.SYS_PIDFD_GETFD, unix.SYS_PROCESS_MADVISE, unix.SYS_KCMP,
	unix.SYS_MOUNT, unix.SYS_UMOUNT2, unix.SYS_OPEN_TREE, unix.SYS_MOVE_MOUNT, unix.SYS_FSOPEN, unix.SYS_FSMOUNT, unix.SYS_MOUNT_SETATTR,
	unix.SYS_NAME_TO_HANDLE_AT, unix.SYS_OPEN_BY_HANDLE_AT, unix.SYS_QUOTACTL, unix.SYS_SWAPON, unix.SYS_SWAPOFF, unix.SYS_REBOOT,
	unix.SYS_INIT_MODULE, unix.SYS_FINIT_MODULE, unix.SYS_DELETE_MODULE, unix.SYS_KEXEC_LOAD, unix.SYS_KEXEC_FILE_LOAD,
	unix.SYS_BPF, unix.SYS_PERF_EVENT_OPEN, unix.SYS_USERFAULTFD, unix.SYS_IO_URING_SETUP, unix.SYS_ADD_KEY, unix.SYS_REQUEST_KEY, unix.SYS_KEYCTL,
	unix.SYS_SETTIMEOFDAY, unix.SYS_CLOCK_SETTIME, unix.SYS_ADJTIMEX, unix.SYS_CLOCK_ADJTIME, unix.SYS_ACCT, unix.SYS_SYSLOG,
}, archForbidden...)

// checkedCalls are those of a front that depend on their arguments, in a process whose number is pid. There may be one entry a call.
func checkedCalls(pid uint32) []checkedCall {
	return []checkedCall{
		cloneThread,
		// Memory, but none that runs: strangers' octets are no program.
		{unix.SYS_MMAP, []test{{arg: 2, clear: unix.PROT_EXEC}}},
		{unix.SYS_MPROTECT, []test{{arg: 2, clear: unix.PROT_EXEC}}},
		// Signals to itself: the Go runtime interrupts its threads by them.
		{unix.SYS_TGKILL, []test{{arg: 0, oneOf: []uint32{pid}}}},
		{unix.SYS_KILL, []test{{arg: 0, oneOf: []uint32{pid}}}},
		{unix.SYS_FCNTL, []test{{arg: 1, oneOf: []uint32{
			unix.F_GETFD, unix.F_SETFD, unix.F_GETFL, unix.F_SETFL, unix.F_DUPFD, unix.F_DUPFD_CLOEXEC,
		}}}},
		{unix.SYS_PRCTL, []test{{arg: 0, oneOf: []uint32{nameMapping, unix.PR_SET_NAME, unix.PR_GET_NAME}}}},
		// Limits of the process may be read.
		{unix.SYS_PRLIMIT64, []test{{arg: 0, oneOf: []uint32{0, pid}}, {arg: 2, null: true}}},
	}
}
