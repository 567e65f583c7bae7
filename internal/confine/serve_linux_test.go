//go:build amd64 || arm64

package confine

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"
)

// frontScenario serves HTTP on descriptor 3 and copies datagrams on 4 in batches, with threads from before Apply, garbage collections, and the address-space limit.
func frontScenario(in input) any {
	threads()
	missing, err := Apply(in.Rules)
	if err != nil {
		return report{Err: err.Error()}
	}
	listener, err := net.FileListener(os.NewFile(3, "listener"))
	if err != nil {
		panic(err)
	}
	packets, err := net.FilePacketConn(os.NewFile(4, "packets"))
	if err != nil {
		panic(err)
	}
	batches := ipv4.NewPacketConn(packets)
	if err := batches.SetControlMessage(ipv4.FlagDst, true); err != nil {
		panic(err)
	}
	go func() {
		ms := []ipv4.Message{{Buffers: [][]byte{make([]byte, 2048)}, OOB: make([]byte, 128)}}
		for {
			if _, err := batches.ReadBatch(ms, 0); err != nil {
				panic(err)
			}
			var at ipv4.ControlMessage
			if err := at.Parse(ms[0].OOB[:ms[0].NN]); err != nil {
				panic(err)
			}
			from := unix.PktInfo4(&unix.Inet4Pktinfo{Spec_dst: [4]byte(at.Dst.To4())})
			if _, err := batches.WriteBatch([]ipv4.Message{{Buffers: [][]byte{ms[0].Buffers[0][:ms[0].N]}, Addr: ms[0].Addr, OOB: from}}, 0); err != nil {
				panic(err)
			}
		}
	}()
	mux := http.NewServeMux()
	mux.HandleFunc("POST /echo", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(err)
		}
		var wg sync.WaitGroup
		for range 8 { // goroutines that keep threads in calls
			wg.Go(func() { unix.Nanosleep(&unix.Timespec{Nsec: 1e6}, nil) }) //nolint:errcheck // an interrupted one is shorter
		}
		wg.Wait()
		runtime.GC()
		w.Write(body) //nolint:errcheck // the client tells
	})
	mux.HandleFunc("GET /map", func(w http.ResponseWriter, r *http.Request) {
		_, err := unix.Mmap(-1, 0, int(in.Rules.AddressSpace), unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANON)
		fmt.Fprint(w, said(err))
	})
	mux.HandleFunc("GET /missing", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, missing) })
	panic(http.Serve(listener, mux)) //nolint:gosec // a test
}

// TestFrontServes loads a front over its inherited sockets and looks at it from outside: all of its threads are confined.
func TestFrontServes(t *testing.T) {
	t.Parallel()
	users(t, func(t *testing.T, who *syscall.Credential) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		listener, err := l.(*net.TCPListener).File()
		if err != nil {
			t.Fatal(err)
		}
		pc, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer pc.Close() //nolint:errcheck // as above
		packets, err := pc.(*net.UDPConn).File()
		if err != nil {
			t.Fatal(err)
		}
		defer packets.Close() //nolint:errcheck // as above

		c := start(t, "front", who, input{Rules: Rules{Role: Front, AddressSpace: MinAddressSpace}}, listener, packets)
		l.Close()        //nolint:errcheck // so that a child that ends refuses connections
		listener.Close() //nolint:errcheck // as above
		url := "http://" + l.Addr().String()
		body := bytes.Repeat([]byte("x"), 1<<18)
		client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 32}}
		defer client.CloseIdleConnections()
		var wg sync.WaitGroup
		for range 32 {
			wg.Go(func() {
				for range 4 {
					res, err := client.Post(url+"/echo", "text/plain", bytes.NewReader(body))
					if err != nil {
						t.Error(err)
						return
					}
					got, err := io.ReadAll(res.Body)
					res.Body.Close() //nolint:errcheck // it is read
					if err != nil || !bytes.Equal(got, body) {
						t.Errorf("%d octets came back: %v", len(got), err)
					}
				}
			})
		}
		wg.Wait()
		if t.Failed() {
			return
		}
		get := func(path string) string {
			res, err := client.Get(url + path)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close() //nolint:errcheck // it is read
			text, err := io.ReadAll(res.Body)
			if err != nil {
				t.Fatal(err)
			}
			return string(text)
		}
		switch missing := get("/missing"); {
		case sanitized && !strings.Contains(missing, "address space: this binary is built with a sanitizer"):
			t.Errorf("the address space is not told of: %s", missing)
		case !sanitized && missing != "[]":
			t.Errorf("missing: %s", missing)
		}
		if got := get("/map"); got != "ENOMEM" && !sanitized {
			t.Errorf("more than the address space is mapped: %s", got)
		}
		echo, err := net.Dial("udp", pc.LocalAddr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer echo.Close() //nolint:errcheck // the test is over
		buf := make([]byte, 16)
		if _, err := echo.Write([]byte("datagram")); err != nil {
			t.Fatal(err)
		}
		if n, err := echo.Read(buf); err != nil || string(buf[:n]) != "datagram" {
			t.Errorf("%q %v", buf[:n], err)
		}
		confined(t, c.cmd.Process.Pid, map[string]string{"NoNewPrivs": "1", "Seccomp": "2", "CapEff": "0000000000000000", "CapPrm": "0000000000000000"})
		closed(t, c.cmd.Process.Pid, who)
	})
}

// confined looks at the status of all threads of a process.
func confined(t *testing.T, pid int, want map[string]string) {
	t.Helper()
	threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, thread := range threads {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/status", pid, thread.Name()))
		if err != nil {
			t.Fatal(err)
		}
		for name, value := range maps.All(want) {
			if !regexp.MustCompile(`(?m)^` + name + `:\t` + value + `$`).Match(status) {
				t.Errorf("thread %s of %d: %s is not %s in\n%s", thread.Name(), len(threads), name, value, status)
			}
		}
	}
}

// closed has another process of the same user look into the memory of a child.
func closed(t *testing.T, pid int, who *syscall.Credential) {
	t.Helper()
	limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", pid))
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`Max core file size +0 +0 `).Match(limits) {
		t.Errorf("core files are written:\n%s", limits)
	}
	if who == nil && os.Getuid() == 0 {
		return // root may
	}
	for _, name := range []string{"mem", "environ", "maps"} {
		read := exec.Command("head", "-c", "1", fmt.Sprintf("/proc/%d/%s", pid, name))
		read.SysProcAttr = &syscall.SysProcAttr{Credential: who}
		if out, err := read.CombinedOutput(); err == nil || !strings.Contains(string(out), "Permission denied") {
			t.Errorf("%s can be opened: %v %s", name, err, out)
		}
	}
}
