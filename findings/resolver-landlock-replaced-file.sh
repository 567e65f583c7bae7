#!/bin/sh
# A confined Go process whose resolv.conf is replaced sends its DNS queries to 127.0.0.1, without an error.
#
# Guess: a process that may read /etc/resolv.conf and nothing else under Landlock goes on to resolve names when a DHCP client or a VPN replaces the
# file, or at worst keeps the name servers that it knows.
# What happens: a Landlock rule belongs to the file and not to its name, so the file that a rename puts there is closed. Go's resolver sees by stat(2), which
# Landlock does not restrict, that the file is another one, fails to open it, and takes its built-in servers: 127.0.0.1:53 and [::1]:53. No error
# tells it. Where the rule is for the folder, the resolver follows the new file.
# Why an AAA gateway cares: names of RADIUS and TACACS+ servers stop resolving hours after the start, on hosts with a local cache they go on to resolve
# through a server that nobody configured, and a restart hides the cause. Rules must name the folder.
set -eu
if [ "${1:-}" != --inside ]; then
	dir=$(mktemp -d)
	trap 'rm -rf "$dir"' EXIT
	mkdir "$dir/src"
	cat >"$dir/src/go.mod" <<-MOD
		module finding

		go 1.26.0

		require (
			github.com/landlock-lsm/go-landlock v0.11.2
			golang.org/x/net v0.62.0
		)
	MOD
	cat >"$dir/src/main.go" <<-'GO'
		// finding FILE|FOLDER resolves a name before and after resolv.conf is replaced, and prints which server was asked.
		package main

		import (
			"context"
			"fmt"
			"net"
			"os"
			"runtime"
			"time"

			"github.com/landlock-lsm/go-landlock/landlock"
			"golang.org/x/net/dns/dnsmessage"
		)

		func must(err error) {
			if err != nil {
				panic(err)
			}
		}

		// serve answers each A query with the address that it listens on.
		func serve(ip string) {
			c, err := net.ListenPacket("udp", ip+":53")
			must(err)
			go func() {
				buf := make([]byte, 512)
				for {
					n, from, err := c.ReadFrom(buf)
					must(err)
					var m dnsmessage.Message
					must(m.Unpack(buf[:n]))
					m.Response = true
					m.Additionals = nil
					if q := m.Questions[0]; q.Type == dnsmessage.TypeA {
						m.Answers = []dnsmessage.Resource{{
							Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 1},
							Body:   &dnsmessage.AResource{A: [4]byte(net.ParseIP(ip).To4())},
						}}
					}
					out, err := m.Pack()
					must(err)
					_, err = c.WriteTo(out, from)
					must(err)
				}
			}()
		}

		func main() {
			for _, ip := range []string{"127.0.0.1", "127.0.0.2", "127.0.0.3"} {
				serve(ip)
			}
			rule := landlock.ROFiles("/etc/resolv.conf")
			if os.Args[1] == "folder" {
				rule = landlock.RODirs("/etc")
			}
			resolve := func() string {
				ips, err := (&net.Resolver{PreferGo: true}).LookupIP(context.Background(), "ip4", "radius.example.")
				if err != nil {
					return err.Error()
				}
				return fmt.Sprint(ips)
			}
			must(landlock.V1.RestrictPaths(rule))
			before := resolve()
			fmt.Println("replace")
			var done string
			_, err := fmt.Scanln(&done)
			must(err)
			// Go looks at the file once in five seconds.
			time.Sleep(6 * time.Second)
			fmt.Println(runtime.Version(), os.Args[1], "before", before, "after", resolve())
		}
	GO
	(cd "$dir/src" && go mod tidy >/dev/null 2>&1 && CGO_ENABLED=0 go build -o "$dir/finding" .)
	unshare --map-root-user --mount --net sh "$0" --inside "$dir"
	exit
fi

# In here /etc and the loopback interface are this script's own.
dir=$2
ip link set lo up
mount -t tmpfs none /etc
mkfifo "$dir/in"
failed=0
for kind in file folder; do
	echo "nameserver 127.0.0.2" >/etc/resolv.conf
	: >"$dir/out"
	"$dir/finding" "$kind" <"$dir/in" >"$dir/out" 2>&1 &
	exec 4>"$dir/in"
	until grep -q replace "$dir/out"; do sleep 0.1; done
	echo "nameserver 127.0.0.3" >/etc/resolv.conf.new
	mv /etc/resolv.conf.new /etc/resolv.conf
	echo done >&4
	exec 4>&-
	wait
	tail -n 1 "$dir/out"
	case $kind in
	file) want='before [127.0.0.2] after [127.0.0.1]' ;;
	folder) want='before [127.0.0.2] after [127.0.0.3]' ;;
	esac
	grep -qF "$want" "$dir/out" || { cat "$dir/out"; failed=1; }
done
uname -r
exit $failed
