package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// What the proxies are compared by: one secret on each side, RADIUS over UDP on both.
const (
	deviceSecret = "bench-secret-of-the-devices"
	deviceRealm  = "@proxy.test" // FreeRADIUS chooses the server by it
)

// radsecproxyConf has the loop check off, as the service's and FreeRADIUS's cost a look at a request.
const radsecproxyConf = `ListenUDP %s
LogLevel 5
LoopPrevention off
client devices {
	type udp
	host 127.0.0.0/8
	secret %s
}
server backend {
	type udp
	host %s
	port %s
	secret %s
	statusServer off
}
realm * {
	server backend
}
`

// freeradiusConf is no more than a proxy needs.
const freeradiusConf = `prefix = /usr
localstatedir = %[1]s
logdir = %[1]s
run_dir = %[1]s
raddbdir = %[1]s
confdir = %[1]s
libdir = /usr/lib/freeradius
name = radiusd
pidfile = %[1]s/radiusd.pid
max_request_time = 30
cleanup_delay = 5
max_requests = 65536
hostname_lookups = no
log {
	destination = files
	file = %[1]s/radiusd.log
	auth = no
}
security {
	max_attributes = 200
	reject_delay = 1
	status_server = yes
}
proxy_requests = yes
thread pool {
	start_servers = 5
	max_servers = 32
	min_spare_servers = 3
	max_spare_servers = 10
	max_requests_per_server = 0
	auto_limit_acct = no
}
client devices {
	ipaddr = 127.0.0.0/8
	secret = %[3]s
	require_message_authenticator = yes
}
proxy server {
	default_fallback = no
}
home_server backend {
	type = auth
	ipaddr = %[4]s
	port = %[5]s
	secret = %[6]s
	response_window = 20
	zombie_period = 40
	status_check = none
	revive_interval = 120
	max_outstanding = 65536
}
home_server_pool backends {
	type = fail-over
	home_server = backend
}
realm proxy.test {
	auth_pool = backends
	nostrip
}
modules {
	realm suffix {
		format = suffix
		delimiter = "@"
	}
}
server default {
	listen {
		type = auth
		ipaddr = 127.0.0.1
		port = %[2]s
	}
	authorize {
		suffix
	}
	authenticate {
	}
}
`

// proxies are the packages of the proxies that others made, and how each is started.
var proxies = []struct {
	name   string
	target float64
	args   func(dir, address, backend string) (file, conf string, args []string, err error)
}{
	{"radsecproxy", 3, func(dir, address, backend string) (file, conf string, args []string, err error) {
		host, port, err := net.SplitHostPort(backend)
		file = filepath.Join(dir, "radsecproxy.conf")
		conf = fmt.Sprintf(radsecproxyConf, address, deviceSecret, host, port, backendSecret)
		return file, conf, []string{"-f", "-c", file, "-i", filepath.Join(dir, "radsecproxy.pid")}, err
	}},
	{"freeradius", 7, func(dir, address, backend string) (file, conf string, args []string, err error) {
		host, port, err := net.SplitHostPort(backend)
		if err != nil {
			return "", "", nil, err
		}
		_, own, err := net.SplitHostPort(address)
		conf = fmt.Sprintf(freeradiusConf, dir, own, deviceSecret, host, port, backendSecret)
		return filepath.Join(dir, "radiusd.conf"), conf, []string{"-f", "-d", dir, "-l", filepath.Join(dir, "radiusd.log")}, err
	}},
}

// startProxy starts a proxy that another project made, and waits until it answers.
func startProxy(ctx context.Context, i int, dir, backend string) (p *process, address string, err error) {
	proxy := proxies[i]
	binary, err := exec.LookPath(proxy.name)
	if err != nil {
		if binary, err = exec.LookPath("/usr/sbin/" + proxy.name); err != nil {
			return nil, "", fmt.Errorf("%s is not installed: apt-get install %s", proxy.name, proxy.name)
		}
	}
	if dir, err = filepath.Abs(filepath.Join(dir, proxy.name)); err != nil {
		return nil, "", err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, "", err
	}
	if address, err = freeAddress("udp4"); err != nil {
		return nil, "", err
	}
	file, conf, args, err := proxy.args(dir, address, backend)
	if err != nil {
		return nil, "", err
	}
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		return nil, "", err
	}
	if p, err = startProcess(ctx, binary, args...); err != nil {
		return nil, "", err
	}
	if err := answersDevices(ctx, address); err != nil {
		_ = p.stop()
		log, _ := os.ReadFile(filepath.Join(dir, "radiusd.log"))
		return nil, "", fmt.Errorf("%s: %w: %s%s", proxy.name, err, p.stderr, strings.TrimSpace(string(log)))
	}
	return p, address, nil
}

// freeAddress is one that nobody has at the moment.
func freeAddress(network string) (string, error) {
	if network == "tcp4" {
		l, err := net.Listen(network, "127.0.0.1:0")
		if err != nil {
			return "", err
		}
		defer l.Close()
		return l.Addr().String(), nil
	}
	c, err := net.ListenPacket(network, "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer c.Close()
	return c.LocalAddr().String(), nil
}

// answersDevices waits until a login is accepted.
func answersDevices(ctx context.Context, address string) (err error) {
	for begun := time.Now(); time.Since(begun) < 20*time.Second && ctx.Err() == nil; {
		var t deviceTally
		t, err = deviceLoad{Address: address, Sockets: 1, InFlight: 1, Seconds: 0.05, Realm: deviceRealm}.run()
		if err == nil && t.Requests > t.Bad {
			return nil
		}
		if err == nil {
			err = fmt.Errorf("no login is accepted: %s", t.FirstBad)
		}
		time.Sleep(50 * time.Millisecond) // there is nothing to wait on: the process is another's
	}
	return err
}
