// Package processes starts the processes of the service, talks to them, and starts those anew that end. Main is their parent: a
// security module and some fronts. It knows nothing of what they do.
//
// A child inherits one descriptor, its end of the control channel. All else comes through it: settings, sockets, and the lines on which
// fronts call the security module. A child whose channel ends has lost its parent, and ends.
package processes

// What main tells its children. Start is the first message.
const (
	Start     = "start"     // to each: what it is to do, with its sockets
	Line      = "line"      // to both ends of two lines: calls, then bulk
	Serve     = "serve"     // to a front: take connections
	Drain     = "drain"     // to the security module: /readyz says no
	Operators = "operators" // to the security module: a line by which main hands on what operators ask
	Reload    = "reload"    // to each: read again what may have changed
	Stop      = "stop"      // to each: finish what is begun, then end
)

// What children tell main.
const (
	Ready  = "ready"  // a security module: it takes lines; a front: it takes connections
	Failed = "failed" // why it ends
	Cut    = "cut"    // a security module: the lines of its body are cut for what their front did
)

// Failure is the body of Failed.
type Failure struct{ Text string }

// FrontLines is the body of Line and of Cut: which front the lines lead to.
type FrontLines struct {
	Front int
	Made  int // how many lines main has made before
}

// Until is the body of Stop.
type Until struct{ Milliseconds int64 } // that the child may take to finish
