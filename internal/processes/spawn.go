package processes

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// Program is how children are started.
type Program struct {
	Path string    // the file to run
	Name string    // first argument
	Env  []string  // all of their environment; empty but in tests
	Log  io.Writer // their standard error
}

// Child is a process that was started. Its end closes Done.
type Child struct {
	*Channel
	PID  int
	done chan struct{}
	err  error // of the end; after done
	cmd  *exec.Cmd
}

// Done is closed when the process has ended and its log is written.
func (c *Child) Done() <-chan struct{} { return c.done }

// Err says how the process ended, nil where it ended well. It is known after Done.
func (c *Child) Err() error { return c.err }

// Kill ends the process at once.
func (c *Child) Kill() { _ = c.cmd.Process.Kill() } // it may be gone

// thread starts all children: the kernel ends a child when the thread that started it ends, so that is one that stays.
var thread = func() chan<- func() {
	work := make(chan func())
	go func() {
		runtime.LockOSThread()
		for f := range work {
			f()
		}
	}()
	return work
}()

// Spawn starts a child with arguments, as a user; nil: as main's. slack is how late its threads may wake up from sleep; 0: as the kernel has it.
func (p *Program) Spawn(user *syscall.Credential, slack time.Duration, args ...string) (*Child, error) {
	own, other, err := pair()
	if err != nil {
		return nil, err
	}
	defer other.Close()
	cmd := &exec.Cmd{
		Path: p.Path, Args: append([]string{p.Name}, args...), Env: p.Env, Stderr: p.Log, ExtraFiles: []*os.File{other},
		SysProcAttr: attributes(user),
		// What a grandchild might hold open does not delay the news of an end.
		WaitDelay: time.Second,
	}
	if cmd.Env == nil {
		cmd.Env = []string{} // nil would be main's
	}
	started := make(chan error, 1)
	thread <- func() {
		setSlack(slack) // a child has that of the thread that starts it
		started <- cmd.Start()
	}
	if err := <-started; err != nil {
		return nil, errors.Join(fmt.Errorf("starting a process: %w", err), own.Close())
	}
	c := &Child{Channel: own, PID: cmd.Process.Pid, done: make(chan struct{}), cmd: cmd}
	go func() {
		c.err = cmd.Wait()
		close(c.done)
	}()
	return c, nil
}

// errByHand is the answer to a person who runs a child's command.
var errByHand = errors.New("this is a process of aaa-api serve, which starts it by itself")

// inherited is the descriptor of a child's control channel.
const inherited = 3

// Inherited is the channel to main of a child. It is an error where the process was started by anyone else than a Program.
func Inherited() (*Channel, error) {
	if err := fromParent(inherited); err != nil {
		return nil, fmt.Errorf("%w (%w)", errByHand, err)
	}
	syscall.CloseOnExec(inherited)
	if err := syscall.SetNonblock(inherited, true); err != nil {
		return nil, fmt.Errorf("control channel: %w", err)
	}
	c, err := newChannel(os.NewFile(inherited, "control"))
	if err != nil {
		return nil, err
	}
	c.child = true
	return c, nil
}
