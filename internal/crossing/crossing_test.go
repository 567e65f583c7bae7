package crossing

import (
	"encoding/json"
	"errors"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aaa-api/internal/aaa"
	"aaa-api/internal/dict"
)

var words = sync.OnceValue(func() *dict.Set {
	system, err := dict.LoadSystem("")
	if err != nil {
		panic(err)
	}
	own, _ := system.Get("dictionary_tacacs")
	return system.Default().Join(dict.NewSet(own))
})

// avps reads name=value, with the words of the dictionaries; name*value is an optional argument.
func avps(t *testing.T, list ...string) (out []aaa.AVP) {
	t.Helper()
	for _, text := range list {
		i := strings.IndexAny(text, "=*")
		name, value := text[:i], text[i+1:]
		a := words().ByName(name)
		if a == nil {
			a = aaa.NewArgument(name)
		}
		v := aaa.AVP{Attr: a, Value: []byte(value), Optional: text[i] == '*'}
		if !a.OfTACACS() || a.Type != aaa.TypeString {
			octets, err := words().Encode(a, value)
			if err != nil {
				t.Fatal(err)
			}
			v.Value = octets
		}
		out = append(out, v)
	}
	return out
}

// texts is the reverse of avps.
func texts(list []aaa.AVP) []string {
	out := []string{}
	for _, v := range list {
		sep := "="
		if v.Optional {
			sep = "*"
		}
		out = append(out, v.Attr.Name+sep+words().Text(v.Attr, v.Value))
	}
	return out
}

var from = netip.MustParseAddr("192.0.2.7")

func hex(n int) string { return "0x" + strings.Repeat("a1", n) }

// TestRequests: each line of the table, in both directions.
func TestRequests(t *testing.T) {
	t.Parallel()
	lm, peer := strings.Repeat("b2", 24), strings.Repeat("c3", 24)
	for _, c := range []struct {
		name string
		to   aaa.ClientProtocol
		op   aaa.Op
		in   []string
		out  []string
		bad  string // path of the error
	}{
		{
			"pap", aaa.ClientTACACS, aaa.Authn,
			[]string{"User-Name=alice", "User-Password=w", "NAS-Port-Id=tty1", "NAS-Port=5", "Calling-Station-Id=192.0.2.9", "NAS-Identifier=n"},
			[]string{"user=alice", "password=w", "port=tty1", "rem_addr=192.0.2.9"},
			"",
		},
		{
			"number of the port", aaa.ClientTACACS, aaa.Authn,
			[]string{"User-Name=alice", "User-Password=w", "NAS-Port=5", "Service-Type=Administrative-User"},
			[]string{"user=alice", "password=w", "port=5", "priv_lvl=root"},
			"",
		},
		{"ppp", aaa.ClientTACACS, aaa.Authn, []string{"User-Name=a", "User-Password=w", "Service-Type=Framed-User"}, []string{"user=a", "password=w", "authen_service=ppp"}, ""},
		{
			"chap", aaa.ClientTACACS, aaa.Authn,
			[]string{"User-Name=a", "CHAP-Password=0x07" + strings.Repeat("a1", 16), "CHAP-Challenge=" + hex(16)},
			[]string{"user=a", "authen_type=chap", "chap_id=7", "chap_challenge=" + hex(16), "chap_response=" + hex(16)},
			"",
		},
		{"chap without its challenge", aaa.ClientTACACS, aaa.Authn, []string{"User-Name=a", "CHAP-Password=" + hex(17)}, nil, "CHAP-Password"},
		{
			"ms-chap", aaa.ClientTACACS, aaa.Authn,
			[]string{"User-Name=a", "MS-CHAP-Response=0x0701" + lm + peer, "MS-CHAP-Challenge=" + hex(8)},
			[]string{"user=a", "authen_type=ms-chap", "chap_id=7", "chap_challenge=" + hex(8), "chap_response=0x" + lm + peer + "01"},
			"",
		},
		{
			"ms-chapv2", aaa.ClientTACACS, aaa.Authn,
			[]string{"User-Name=a", "MS-CHAP2-Response=0x0700" + lm + peer, "MS-CHAP-Challenge=" + hex(16)},
			[]string{"user=a", "authen_type=ms-chapv2", "chap_id=7", "chap_challenge=" + hex(16), "chap_response=0x" + lm + peer + "00"},
			"",
		},
		{"eap", aaa.ClientTACACS, aaa.Authn, []string{"User-Name=a", "EAP-Message=0x0201000501"}, nil, "EAP-Message"},
		{"record", aaa.ClientTACACS, aaa.Accounting, []string{
			"User-Name=a", "Acct-Status-Type=Stop", "Acct-Session-Id=s1", "Acct-Session-Time=60", "Acct-Input-Octets=5", "Acct-Input-Gigawords=1", "Acct-Output-Octets=6",
			"Acct-Input-Packets=7", "Acct-Output-Packets=8", "Event-Timestamp=1700000000", "Framed-IP-Address=192.0.2.1", "Service-Type=Framed-User",
		}, []string{
			"user=a", "task_id=s1", "elapsed_time=60", "paks_in=7", "paks_out=8", "addr=192.0.2.1", "Acct-Status-Type=Stop",
			"bytes_in=4294967301", "bytes_out=6", "stop_time=1700000000", "service=ppp", "protocol=ip",
		}, ""},
		{
			"a start", aaa.ClientTACACS, aaa.Accounting,
			[]string{"Acct-Status-Type=Start", "Acct-Session-Id=s1", "Event-Timestamp=5", "Framed-IP-Address=255.255.255.254", "Cisco-AVPair=shell:cmd=show", "Cisco-AVPair=shell:timezone*UTC"},
			[]string{"task_id=s1", "Acct-Status-Type=Start", "start_time=5", "service=shell", "cmd=show", "timezone*UTC"},
			"",
		},
		{"the NAS is up", aaa.ClientTACACS, aaa.Accounting, []string{"Acct-Status-Type=Accounting-On", "Acct-Session-Id=s"}, []string{"task_id=s", "Acct-Status-Type=Accounting-On"}, ""},

		{
			"a login", aaa.ClientRADIUS, aaa.Authn,
			[]string{"action=login", "authen_type=ascii", "user=alice", "password=w", "port=tty1", "rem_addr=192.0.2.9", "priv_lvl=user", "authen_service=login"},
			[]string{"User-Name=alice", "User-Password=w", "NAS-Port-Id=tty1", "Calling-Station-Id=192.0.2.9", "NAS-IP-Address=192.0.2.7", "Service-Type=NAS-Prompt-User"},
			"",
		},
		{
			"an empty password", aaa.ClientRADIUS, aaa.Authn,
			[]string{"user=alice", "password=", "rem_addr="},
			[]string{"User-Name=alice", "User-Password=", "NAS-IP-Address=192.0.2.7", "Service-Type=NAS-Prompt-User"},
			"",
		},
		{
			"enable", aaa.ClientRADIUS, aaa.Authn,
			[]string{"user=alice", "password=w", "priv_lvl=root", "authen_service=enable"},
			[]string{"User-Name=alice", "User-Password=w", "NAS-IP-Address=192.0.2.7", "Service-Type=Administrative-User"},
			"",
		},
		{
			"enable without a name", aaa.ClientRADIUS, aaa.Authn,
			[]string{"user=", "password=w", "priv_lvl=root", "authen_service=enable"},
			[]string{"User-Password=w", "NAS-IP-Address=192.0.2.7", "Service-Type=Administrative-User", "User-Name=$enab15$"},
			"",
		},
		{
			"an answer", aaa.ClientRADIUS, aaa.Authn,
			[]string{"user=alice", "user_msg=123456"},
			[]string{"User-Name=alice", "NAS-IP-Address=192.0.2.7", "User-Password=123456", "Service-Type=NAS-Prompt-User"},
			"",
		},
		{
			"chap of a device", aaa.ClientRADIUS, aaa.Authn,
			[]string{"authen_type=chap", "user=a", "chap_id=7", "chap_challenge=" + hex(20), "chap_response=" + hex(16), "authen_service=ppp"},
			[]string{"User-Name=a", "NAS-IP-Address=192.0.2.7", "CHAP-Password=0x07" + strings.Repeat("a1", 16), "CHAP-Challenge=" + hex(20), "Service-Type=Framed-User"},
			"",
		},
		{
			"chap as in the packet", aaa.ClientRADIUS, aaa.Authn,
			[]string{"authen_type=chap", "user=a", "data=0x07" + strings.Repeat("a1", 36)},
			[]string{"User-Name=a", "NAS-IP-Address=192.0.2.7", "CHAP-Password=0x07" + strings.Repeat("a1", 16), "CHAP-Challenge=" + hex(20), "Service-Type=NAS-Prompt-User"},
			"",
		},
		{"chap cut off", aaa.ClientRADIUS, aaa.Authn, []string{"authen_type=chap", "user=a", "data=" + hex(17)}, nil, "data"},
		{
			"ms-chap of a device", aaa.ClientRADIUS, aaa.Authn,
			[]string{"authen_type=ms-chap", "user=a", "chap_id=7", "chap_challenge=" + hex(8), "chap_response=0x" + lm + peer + "01"},
			[]string{"User-Name=a", "NAS-IP-Address=192.0.2.7", "MS-CHAP-Challenge=" + hex(8), "MS-CHAP-Response=0x0701" + lm + peer, "Service-Type=NAS-Prompt-User"},
			"",
		},
		{
			"ms-chapv2 of a device", aaa.ClientRADIUS, aaa.Authn,
			[]string{"authen_type=ms-chapv2", "user=a", "chap_id=7", "chap_challenge=" + hex(16), "chap_response=0x" + lm + peer + "00"},
			[]string{"User-Name=a", "NAS-IP-Address=192.0.2.7", "MS-CHAP-Challenge=" + hex(16), "MS-CHAP2-Response=0x0700" + lm + peer, "Service-Type=NAS-Prompt-User"},
			"",
		},
		{"a change of password", aaa.ClientRADIUS, aaa.Authn, []string{"action=chpass", "user=a", "password=w"}, nil, "action"},
		{
			"the shell", aaa.ClientRADIUS, aaa.Authz,
			[]string{"user=a", "service=shell", "cmd=", "priv_lvl=user", "noescape*true"},
			[]string{"User-Name=a", "NAS-IP-Address=192.0.2.7", "Service-Type=NAS-Prompt-User", "Cisco-AVPair=shell:noescape*true"},
			"",
		},
		{
			"a network", aaa.ClientRADIUS, aaa.Authz,
			[]string{"user=a", "service=ppp", "protocol=ip", "addr*192.0.2.1"},
			[]string{"User-Name=a", "NAS-IP-Address=192.0.2.7", "Service-Type=Framed-User", "Cisco-AVPair=ip:addr*192.0.2.1"},
			"",
		},
		{"a command", aaa.ClientRADIUS, aaa.Authz, []string{"user=a", "service=shell", "cmd=reload"}, nil, "cmd"},
		{"a command behind the shell", aaa.ClientRADIUS, aaa.Authz, []string{"user=a", "service=shell", "cmd=", "cmd=reload"}, nil, "cmd"},
		{"words of no command", aaa.ClientRADIUS, aaa.Authz, []string{"user=a", "service=shell", "cmd-arg=reload"}, nil, "cmd"},
		{"a device's record", aaa.ClientRADIUS, aaa.Accounting, []string{
			"user=a", "Acct-Status-Type=Stop", "task_id=9", "service=shell", "cmd=show version", "priv_lvl=root", "elapsed_time=60", "bytes_in=4294967301", "paks_in=7", "paks_out=8",
			"bytes_out=6", "stop_time=1700000000", "start_time=1600000000", "addr=192.0.2.1", "timezone=UTC",
		}, []string{
			"User-Name=a", "Acct-Session-Id=9", "Acct-Session-Time=60", "Acct-Input-Packets=7", "Acct-Output-Packets=8", "Framed-IP-Address=192.0.2.1", "NAS-IP-Address=192.0.2.7",
			"Acct-Status-Type=Stop", "Acct-Input-Octets=5", "Acct-Input-Gigawords=1", "Acct-Output-Octets=6", "Event-Timestamp=2023-11-14T22:13:20Z", "Service-Type=Administrative-User",
			"Cisco-AVPair=shell:cmd=show version", "Cisco-AVPair=shell:timezone=UTC",
		}, ""},
		{
			"a start with an update", aaa.ClientRADIUS, aaa.Accounting,
			[]string{"Acct-Status-Type=Start", "Acct-Status-Type=Interim-Update", "task_id=9", "start_time=5"},
			[]string{"Acct-Session-Id=9", "NAS-IP-Address=192.0.2.7", "Acct-Status-Type=Alive", "Service-Type=NAS-Prompt-User"},
			"",
		},
		{
			"the device is up", aaa.ClientRADIUS, aaa.Accounting,
			[]string{"Acct-Status-Type=Start", "task_id=9", "service=system", "event=sys_acct", "start_time=5"},
			[]string{"Acct-Session-Id=9", "NAS-IP-Address=192.0.2.7", "Acct-Status-Type=Accounting-On", "Event-Timestamp=1970-01-01T00:00:05Z"},
			"",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			protocol := aaa.ClientRADIUS
			if c.to == aaa.ClientRADIUS {
				protocol = aaa.ClientTACACS
			}
			dst := avps(t, "Class=0x01")
			got, err := Request(dst, &aaa.Device{Protocol: protocol, From: from, AVPs: avps(t, c.in...)}, c.op, c.to)
			if c.bad != "" {
				var e *aaa.Error
				if !errors.As(err, &e) || e.Kind != aaa.KindBadInput || e.Fields[0].Path != c.bad || len(got) != 1 {
					t.Fatalf("%v, want a fault of %s", err, c.bad)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(append([]string{"Class=0x01"}, c.out...), texts(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestReplies: what a device is answered with.
func TestReplies(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("m", 260)
	for _, c := range []struct {
		name   string
		to     aaa.ClientProtocol
		op     aaa.Op
		engine string // of the server; empty: a users file
		in     []string
		out    []string
		left   []string
	}{
		{
			"as it came", aaa.ClientRADIUS, aaa.Authn, "radius",
			[]string{"Reply-Message=hi", "MS-MPPE-Send-Key=" + hex(32), "State=0x01", "Proxy-State=0x01", "Class=0x02"},
			[]string{"Reply-Message=hi", "MS-MPPE-Send-Key=" + hex(32), "Class=0x02"},
			nil,
		},
		{"arguments as they came", aaa.ClientTACACS, aaa.Authz, "tacacs", []string{"server_msg=hi", "priv-lvl=15", "x*1"}, []string{"priv-lvl=15", "x*1", "server_msg=hi"}, nil},
		{"of a shell", aaa.ClientTACACS, aaa.Authz, "radius", []string{
			"Service-Type=Administrative-User", "Reply-Message=a", "Reply-Message=b", "Session-Timeout=90", "Idle-Timeout=60", "Filter-Id=x.in", "Filter-Id=y.out", "Filter-Id=z",
			"Framed-IP-Address=192.0.2.1", "Framed-Pool=p", "Framed-Route=r", "Callback-Number=5", "Cisco-AVPair=shell:autocmd=show", "Cisco-AVPair=junk", "Class=0x01",
		}, []string{
			"timeout=2", "idletime=1", "inacl=x", "outacl=y", "inacl=z", "addr=192.0.2.1", "addr-pool=p", "route=r", "callback-dialstring=5", "autocmd=show", "priv-lvl=15", "server_msg=a\nb",
		}, []string{"Cisco-AVPair", "Class"}},
		{"the pair's level wins", aaa.ClientTACACS, aaa.Authz, "radius", []string{"Cisco-AVPair=shell:priv-lvl=7", "Service-Type=NAS-Prompt-User"}, []string{"priv-lvl=7"}, nil},
		{"of a login", aaa.ClientTACACS, aaa.Authn, "radius", []string{"Reply-Message=a", "Service-Type=NAS-Prompt-User"}, []string{"server_msg=a"}, []string{"Service-Type"}},
		{"to a RADIUS device", aaa.ClientRADIUS, aaa.Authz, "tacacs", []string{
			"server_msg=" + long, "service=shell", "cmd=", "priv-lvl=15", "timeout=2", "idletime=0", "inacl=x", "outacl=y", "addr=192.0.2.1", "autocmd=show", "noescape*true", "data=0x01",
		}, []string{
			"Reply-Message=" + long[:253], "Reply-Message=" + long[253:], "Cisco-AVPair=shell:priv-lvl=15", "Service-Type=Administrative-User", "Session-Timeout=120", "Filter-Id=x", "Filter-Id=y.out",
			"Framed-IP-Address=192.0.2.1", "Cisco-AVPair=shell:autocmd=show", "Cisco-AVPair=shell:noescape*true",
		}, []string{"idletime", "data"}},
		{
			"a users file, RADIUS", aaa.ClientRADIUS, aaa.Authn, "",
			[]string{"Session-Timeout=60", "priv-lvl=1", "Tunnel-Private-Group-Id:1=7", "Nonsense=1", "Framed-IP-Address=no"},
			[]string{"Session-Timeout=60", "Cisco-AVPair=shell:priv-lvl=1", "Service-Type=NAS-Prompt-User", "Tunnel-Private-Group-Id=7"},
			[]string{"Nonsense", "Framed-IP-Address"},
		},
		{
			"a users file, TACACS+", aaa.ClientTACACS, aaa.Authz, "",
			[]string{"priv-lvl=15", "idletime*5", "Reply-Message=hi", "Session-Timeout=60"},
			[]string{"priv-lvl=15", "idletime*5", "timeout=1", "server_msg=hi"},
			nil,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			res := &aaa.Result{Outcome: aaa.Accept}
			if c.engine != "" {
				res.Reply = &aaa.DeviceReply{Engine: c.engine, AVPs: avps(t, c.in...)}
			}
			for _, text := range c.in {
				i := strings.IndexByte(text, '=')
				if i < 0 {
					i = strings.IndexByte(text, '*') + 1
					res.AVPs.Add(text[:i], text[i:])
					continue
				}
				res.AVPs.Add(text[:i], text[i+1:])
			}
			if res.Reply != nil {
				res.AVPs = nil
			}
			got, left := Reply(c.to, c.op, res, words())
			if diff := cmp.Diff(c.out, texts(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.left, left); diff != "" {
				t.Errorf("left (-want +got):\n%s", diff)
			}
		})
	}
}

// A challenge's prompt reaches the user in either protocol.
func TestChallenges(t *testing.T) {
	t.Parallel()
	res := &aaa.Result{Outcome: aaa.Challenge, Prompt: "Code: ", Echo: true, Reply: &aaa.DeviceReply{Engine: "tacacs"}}
	got, _ := Reply(aaa.ClientRADIUS, aaa.Authn, res, words())
	if diff := cmp.Diff([]string{"Reply-Message=Code: ", "Prompt=Echo"}, texts(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	res.Reply.Engine = "radius"
	got, _ = Reply(aaa.ClientTACACS, aaa.Authn, res, words())
	if diff := cmp.Diff([]string{"server_msg=Code: "}, texts(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got, _ = Reply(aaa.ClientRADIUS, aaa.Authn, res, words()); len(got) != 0 {
		t.Errorf("a RADIUS server's challenge goes as it came: %v", texts(got))
	}
}

// TestValues: words, numbers, lists, tags; nothing malformed.
func TestValues(t *testing.T) {
	t.Parallel()
	list := avps(t, "User-Name=alice", "NAS-Port=5", "Service-Type=Framed-User", "Class=0x01", "Class=0x02", "Class=0x03", "service=shell", "authen_type=pap", "idletime*5")
	list = append(list, aaa.AVP{Attr: words().ByName("Tunnel-Type"), Tag: 1, Value: []byte{0, 0, 0, 13}}, aaa.AVP{Attr: words().ByName("Framed-IP-Address"), Value: []byte{1}, Invalid: true})
	want := aaa.Values{
		"User-Name": "alice", "NAS-Port": json.Number("5"), "Service-Type": "Framed-User", "Class": []any{"0x01", "0x02", "0x03"}, "service": "shell",
		"authen_type": "pap", "idletime": "5", "Tunnel-Type:1": "VLAN",
	}
	got := Values(list, words())
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := aaa.CheckValues(got); err != nil {
		t.Error(err)
	}
	many := make([]aaa.AVP, 1000)
	for i := range many {
		many[i] = aaa.AVP{Attr: words().ByName("Class"), Value: strconv.AppendInt(nil, int64(i), 10)}
	}
	if n := len(Values(many, words())["Class"].([]any)); n != maxValues {
		t.Errorf("%d values of one name", n)
	}
}

// No packet makes a crossing fail otherwise than by its error, or a fault of its own output.
func FuzzCrossing(f *testing.F) {
	f.Add(byte(0), byte(0), "User-Name=alice\nService-Type=x")
	f.Add(byte(1), byte(1), "service=shell\ncmd=\npriv-lvl=300\ntimeout=99999999999")
	f.Add(byte(0), byte(2), "Cisco-AVPair=shell:=\nCisco-AVPair=:*\nAcct-Status-Type=\x00")
	names := []string{}
	for i := range Lines {
		if Lines[i].attr != nil {
			names = append(names, Lines[i].attr.Name)
		}
	}
	f.Fuzz(func(t *testing.T, protocol, op byte, text string) {
		dev := &aaa.Device{Protocol: aaa.ClientProtocol(protocol % 2)}
		for i, line := range strings.Split(text, "\n") {
			name, value, _ := strings.Cut(line, "=")
			a := words().ByName(name)
			if a == nil && name == "" {
				a = words().ByName(names[i%len(names)])
			} else if a == nil {
				a = aaa.NewArgument(name)
			}
			dev.AVPs = append(dev.AVPs, aaa.AVP{Attr: a, Value: []byte(value)})
		}
		for to := range aaa.NumClientProtocols {
			if out, err := Request(nil, dev, aaa.Op(op%aaa.NumOps), to); err != nil && (aaa.KindOf(err) != aaa.KindBadInput || out != nil) {
				t.Fatal(err)
			}
			for _, engine := range []string{"radius", "tacacs"} {
				out, left := Reply(to, aaa.Op(op%aaa.NumOps), &aaa.Result{Outcome: aaa.Challenge, Reply: &aaa.DeviceReply{Engine: engine, AVPs: dev.AVPs}}, words())
				if len(left) > maxLeft {
					t.Fatal(left)
				}
				for _, v := range out {
					if engine != to.String() && v.Attr.OfTACACS() != (to == aaa.ClientTACACS) {
						t.Fatalf("%s of the other protocol", v.Attr.Name)
					}
				}
			}
		}
		if err := aaa.CheckValues(Values(dev.AVPs, words())); err != nil {
			t.Fatal(err)
		}
	})
}
