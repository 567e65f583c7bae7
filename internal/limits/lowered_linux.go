package limits

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// niceness is that of heavy work (sched(7)): of a core that others want too it gets a tenth. Less would be worse: what it holds for a
// moment, such as a lock of the allocator, others wait for.
const niceness = 10

// lower gives the calling goroutine a thread of lower priority. Only a privileged thread can raise its priority again, so the
// goroutine keeps the thread, and the thread ends with it.
func lower() {
	runtime.LockOSThread()
	tid := unix.Gettid()
	own, err := unix.Getpriority(unix.PRIO_PROCESS, tid)
	if err == nil {
		_ = unix.Setpriority(unix.PRIO_PROCESS, tid, 20-own+niceness) // if it is forbidden, the work is done as it is
	}
}
