package tacacs

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const testSecret = "a secret of at least thirty-two octets"

// vectors are packets that a separate implementation of RFC 8907 §4.5 (Python's hashlib) made.
var vectors = []struct {
	name         string
	header       Header
	body         Body
	empty        func() Body
	clear, whole string // hexadecimal
}{
	{
		"START",
		Header{Version1, TypeAuthen, 1, FlagSingleConnect, 0x01020304, 32},
		&AuthenStart{ActionLogin, PrivUser, AuthenPAP, ServiceLogin, "bob", "tty1", "192.0.2.7", Sensitive("password")},
		func() Body { return new(AuthenStart) },
		"0101020103040908626f62747479313139322e302e322e3770617373776f7264",
		"c10101040102030400000020da2df6e69f7ee7b14a2bb7de38adb363f321f230254423ce92ea0326539af608",
	},
	{
		"REPLY",
		Header{Version0, TypeAuthen, 2, FlagSingleConnect, 0xdeadbeef, 15},
		&AuthenReply{AuthenGetPass, ReplyNoEcho, "Password:", nil},
		func() Body { return new(AuthenReply) },
		"05010009000050617373776f72643a",
		"c0010204deadbeef0000000f39d700703c113fe632390842e163ba",
	},
	{
		"CONTINUE",
		Header{Version0, TypeAuthen, 3, 0, 0xdeadbeef, 13},
		&AuthenContinue{0, Sensitive("password"), nil},
		func() Body { return new(AuthenContinue) },
		"000800000070617373776f7264",
		"c0010300deadbeef0000000d237f65bf8eada36067de98e854",
	},
	{
		"authorization REQUEST",
		Header{Version0, TypeAuthor, 1, 0, 7, 63},
		&AuthorRequest{
			Identity{MethodTACACSPlus, PrivMax, AuthenASCII, ServiceLogin, "bob", "tty1", "192.0.2.7"},
			[]string{"service=shell", "cmd=show", "cmd-arg*version"},
		},
		func() Body { return new(AuthorRequest) },
		"060f0101030409030d080f626f62747479313139322e302e322e37736572766963653d7368656c6c636d643d73686f77636d642d6172672a76657273696f6e",
		"c0020100000000070000003f9812160c5dc26b03d9950e2ee996f2dcd2d25df8bc8d3f9aeeb6557d998c9ceddf7ce8507630236143609a6560415a73bb5fb4e79b191d7ce783f8489d729a",
	},
	{
		"RESPONSE",
		Header{Version0, TypeAuthor, 2, 0, 7, 23},
		&AuthorReply{AuthorPassAdd, []string{"priv-lvl=15"}, "ok", Sensitive("log")},
		func() Body { return new(AuthorReply) },
		"0101000200030b6f6b6c6f67707269762d6c766c3d3135",
		"c002020000000007000000173315cfd13ebb4ffd3f8102d045555f5e2b336608904380",
	},
	{
		"accounting REQUEST",
		Header{Version0, TypeAcct, 1, 0, 0xffffffff, 35},
		&AcctRequest{
			AcctStart,
			Identity{MethodTACACSPlus, 0, AuthenASCII, ServiceLogin, "bob", "tty1", "192.0.2.7"},
			[]string{"task_id=1"},
		},
		func() Body { return new(AcctRequest) },
		"02060001010304090109626f62747479313139322e302e322e377461736b5f69643d31",
		"c0030100ffffffff0000002372502523f0d9ed584bbceb99a8523620b28a1966b7d42a4b25a8151e6bd47dc87801d7",
	},
	{
		"accounting REPLY",
		Header{Version0, TypeAcct, 2, 0, 0xffffffff, 9},
		&AcctReply{AcctSuccess, "done", nil},
		func() Body { return new(AcctReply) },
		"0004000001646f6e65",
		"c0030200ffffffff000000096b88c4f91e9382028d",
	},
}

func TestVectors(t *testing.T) {
	t.Parallel()
	for _, v := range vectors {
		clear, err := v.body.Append(nil)
		if err != nil || hex.EncodeToString(clear) != v.clear {
			t.Errorf("%s in the clear: %x, %v, want %s", v.name, clear, err, v.clear)
		}
		if v.body.size() != len(clear) {
			t.Errorf("%s: size %d of %d octets", v.name, v.body.size(), len(clear))
		}
		whole, err := AppendPacket([]byte("before"), v.header, v.body, testSecret)
		if err != nil || hex.EncodeToString(whole[6:]) != v.whole {
			t.Errorf("%s: %x, %v, want %s", v.name, whole[6:], err, v.whole)
			continue
		}
		h, err := ParseHeader(whole[6:])
		if err != nil || h != v.header {
			t.Errorf("%s: header %+v, %v, want %+v", v.name, h, err, v.header)
		}
		got := v.empty()
		if err := DecodeBody(whole[6+HeaderLen:], h, testSecret, got); err != nil {
			t.Errorf("%s: %v", v.name, err)
		}
		same(t, v.name, got, v.body)
		if got.Type() != v.header.Type {
			t.Errorf("%s: type %v", v.name, got.Type())
		}
	}
}

// same compares bodies. The difference is not printed: it may hold a mask alone.
func same(t *testing.T, name string, got, want Body) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: %s", name, diff)
	}
}

// TestUnencrypted: with the flag the body goes as it is.
func TestUnencrypted(t *testing.T) {
	t.Parallel()
	for _, v := range vectors {
		h := v.header
		h.Flags = FlagUnencrypted
		whole, err := AppendPacket(nil, h, v.body, testSecret)
		if err != nil || hex.EncodeToString(whole[HeaderLen:]) != v.clear {
			t.Errorf("%s: %x, %v", v.name, whole, err)
		}
	}
}

// TestStrictLengths: a body with octets missing or left over is refused, wherever that is.
func TestStrictLengths(t *testing.T) {
	t.Parallel()
	for _, v := range vectors {
		clear, _ := hex.DecodeString(v.clear)
		for n := range clear {
			if err := v.empty().Decode(clear[:n]); !errors.Is(err, FaultShort) && !errors.Is(err, FaultLengths) {
				t.Errorf("%s cut to %d octets: %v", v.name, n, err)
			}
		}
		for n := 1; n <= 16; n++ {
			if err := v.empty().Decode(append(bytes.Clone(clear), make([]byte, n)...)); !errors.Is(err, FaultLengths) {
				t.Errorf("%s with %d octets after it: %v", v.name, n, err)
			}
		}
		got := v.empty()
		_ = got.Decode(clear[:len(clear)-1])
		same(t, v.name+" refused", got, v.empty())
	}
	if err := new(AuthorRequest).Decode([]byte{0, 0, 0, 0, 0, 0, 0, 200}); !errors.Is(err, FaultShort) {
		t.Errorf("a count of arguments that are not there: %v", err)
	}
	if err := new(AuthorReply).Decode([]byte{1, 200, 0, 0, 0, 0}); !errors.Is(err, FaultShort) {
		t.Errorf("a count of arguments that are not there: %v", err)
	}
}

func TestDecodeKeepsNothing(t *testing.T) {
	t.Parallel()
	for _, v := range vectors {
		b, _ := hex.DecodeString(v.clear)
		got := v.empty()
		if err := got.Decode(b); err != nil {
			t.Fatal(err)
		}
		clear(b)
		same(t, v.name, got, v.body)
	}
}

func TestHeaderFaults(t *testing.T) {
	t.Parallel()
	good := []byte{0xc0, 1, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0}
	for _, tc := range []struct {
		name string
		at   int
		to   byte
		want error
	}{
		{"good", 0, 0xc0, nil},
		{"minor version 1", 0, 0xc1, nil},
		{"unknown flags", 3, 0xff, nil},
		{"major version", 0, 0xb0, FaultVersion},
		{"minor version 2", 0, 0xc2, FaultVersion},
		{"type 0", 1, 0, FaultType},
		{"type 4", 1, 4, FaultType},
		{"65536 octets", 9, 1, FaultTooLong},
		{"2 GiB", 8, 0x80, FaultTooLong},
	} {
		b := bytes.Clone(good)
		b[tc.at] = tc.to
		if _, err := ParseHeader(b); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", tc.name, err, tc.want)
		}
	}
	if _, err := ParseHeader(good[:11]); !errors.Is(err, FaultShort) {
		t.Errorf("11 octets: %v", err)
	}
}

func TestTooLarge(t *testing.T) {
	t.Parallel()
	text, long := strings.Repeat("x", 256), strings.Repeat("x", 65536)
	many := make([]string, 256)
	for i := range many {
		many[i] = "a=b"
	}
	for field, body := range map[string]Body{
		"user":       &AuthenStart{User: text},
		"port":       &AuthenStart{Port: text},
		"rem_addr":   &AcctRequest{Identity: Identity{RemAddr: text}},
		"data":       &AuthenStart{Data: Sensitive(text)},
		"user_msg":   &AuthenContinue{UserMsg: Sensitive(long)},
		"server_msg": &AcctReply{ServerMsg: long},
		"arg":        &AuthorRequest{Args: []string{text}},
		"arg_cnt":    &AuthorReply{Args: many},
	} {
		before := []byte("before")
		out, err := body.Append(before)
		var fault *FieldError
		if !errors.As(err, &fault) || fault.Field != field {
			t.Errorf("%s: %v", field, err)
		}
		if string(out) != "before" {
			t.Errorf("%s: %q came back", field, out)
		}
		if out, err = AppendPacket(before, Header{}, body, "x"); err == nil || string(out) != "before" {
			t.Errorf("%s in a packet: %q, %v", field, out, err)
		}
	}
	half := strings.Repeat("x", 40000)
	if _, err := AppendPacket(nil, Header{}, &AuthenReply{ServerMsg: half, Data: Sensitive(half)}, "x"); err == nil {
		t.Error("a body of 80,006 octets was encoded")
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		body Request
		bad  string // field; empty: good
	}{
		"user in UTF-8":        {&AuthenStart{User: "bøb"}, ""},
		"user with newline":    {&AuthenStart{User: "b\nb"}, "user"},
		"port":                 {&AuthenStart{Port: "tty\x001"}, "port"},
		"rem_addr":             {&AuthorRequest{Identity: Identity{RemAddr: "ü"}}, "rem_addr"},
		"level":                {&AuthenStart{PrivLvl: 16}, "priv_lvl"},
		"any password":         {&AuthenStart{Data: Sensitive("\x00\n\xff")}, ""},
		"any answer":           {&AuthenContinue{UserMsg: Sensitive("\x00\n\xff")}, ""},
		"argument":             {&AuthorRequest{Args: []string{"cmd="}}, ""},
		"no separator":         {&AuthorRequest{Args: []string{"cmd"}}, "arg"},
		"no name":              {&AuthorRequest{Args: []string{"=x"}}, "arg"},
		"control in argument":  {&AcctRequest{Flags: AcctStop, Args: []string{"a=\x7f"}}, "arg"},
		"start":                {&AcctRequest{Flags: AcctStart}, ""},
		"update with start":    {&AcctRequest{Flags: AcctWatchdog | AcctStart}, ""},
		"start and stop":       {&AcctRequest{Flags: AcctStart | AcctStop}, "flags"},
		"no flags":             {&AcctRequest{}, "flags"},
		"MORE, long abolished": {&AcctRequest{Flags: 1 | AcctStart}, "flags"},
	} {
		var fault *FieldError
		err := tc.body.Validate()
		if errors.As(err, &fault); tc.bad == "" && err != nil || tc.bad != "" && (fault == nil || fault.Field != tc.bad) {
			t.Errorf("%s: %v, want %q", name, err, tc.bad)
		}
	}
}

func TestMinorVersion(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		action Action
		method AuthenType
		want   byte
	}{
		{ActionLogin, AuthenASCII, Version0},
		{ActionLogin, AuthenPAP, Version1},
		{ActionLogin, AuthenCHAP, Version1},
		{ActionLogin, AuthenMSCHAP, Version1},
		{ActionLogin, AuthenMSCHAPv2, Version1},
		{ActionChPass, AuthenASCII, Version0},
		{ActionChPass, AuthenPAP, Version0},
	} {
		if got := (&AuthenStart{Action: tc.action, Method: tc.method}).Version(); got != tc.want {
			t.Errorf("action %d, type %d: version %x, want %x", tc.action, tc.method, got, tc.want)
		}
	}
}

func TestArguments(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Argument{
		"cmd=show":    {"cmd", "show", true},
		"cmd*show":    {"cmd", "show", false},
		"a=b*c=d":     {"a", "b*c=d", true},
		"a*=":         {"a", "=", false},
		"service=":    {"service", "", true},
		"cmd-arg=a b": {"cmd-arg", "a b", true},
	} {
		got, ok := ParseArgument(text)
		if !ok || got != want || got.String() != text {
			t.Errorf("%s: %+v %v, again %s", text, got, ok, got)
		}
	}
	for _, text := range []string{"", "x", "=", "*x"} {
		if a, ok := ParseArgument(text); ok {
			t.Errorf("%q: %+v", text, a)
		}
	}
}

func TestFinal(t *testing.T) {
	t.Parallel()
	goOn := 0
	for status := range 256 {
		r := AuthenReply{Status: AuthenStatus(status)}
		if !r.Final() {
			goOn++
		}
		if !r.Final() && !r.Known() {
			t.Errorf("%v is unknown and goes on", r.Status)
		}
		if r.Known() == strings.HasPrefix(r.Status.String(), "status ") {
			t.Errorf("%v: known %v", r.Status, r.Known())
		}
		author, acct := AuthorReply{Status: AuthorStatus(status)}, AcctReply{Status: AcctStatus(status)}
		if author.Known() == strings.HasPrefix(author.Status.String(), "status ") || acct.Known() == strings.HasPrefix(acct.Status.String(), "status ") {
			t.Errorf("%v %v", author.Status, acct.Status)
		}
	}
	if goOn != 3 {
		t.Errorf("%d statuses go on", goOn)
	}
}

// TestSecretsArePrintedNowhere prints every body that may hold a password in every way that Go prints things.
func TestSecretsArePrintedNowhere(t *testing.T) {
	t.Parallel()
	const secret = "correct-horse-battery"
	octets := fmt.Sprint([]byte(secret))
	var log strings.Builder
	for _, v := range []any{
		&AuthenStart{Data: Sensitive(secret)},
		AuthenContinue{UserMsg: Sensitive(secret), Data: Sensitive(secret)},
		&AuthenReply{Data: Sensitive(secret)}, Sensitive(secret),
		CHAP{Response: Sensitive(secret)},
	} {
		slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "v", v)
		slog.New(slog.NewTextHandler(&log, nil)).Info("x", "v", v)
		log.WriteString(fmt.Sprintf("%v %+v %#v %s %q %x %d", v, v, v, v, v, v, v))
	}
	for _, word := range []string{secret, octets, octets[1 : len(octets)-1], hex.EncodeToString([]byte(secret)), "Y29ycmVjdC1ob3JzZS1iYXR0ZXJ5"} {
		if strings.Contains(log.String(), word) {
			t.Errorf("printed: %s", word)
		}
	}
}

func authorExample() *AuthorRequest {
	return &AuthorRequest{
		Identity{MethodTACACSPlus, PrivMax, AuthenASCII, ServiceLogin, "bob", "tty1", "192.0.2.7"},
		[]string{"service=shell", "cmd=show", "cmd-arg=running-config", "cmd-arg=<cr>"},
	}
}

func TestAllocations(t *testing.T) {
	h := Header{Version: Version0, Type: TypeAuthor, Seq: 1, SessionID: 7}
	body := authorExample()
	if n := testing.AllocsPerRun(100, func() {
		if _, err := AppendPacket(nil, h, body, testSecret); err != nil {
			t.Fatal(err)
		}
	}); n > 2 {
		t.Errorf("%v allocations for a new packet", n)
	}
	buf := make([]byte, 0, 512)
	if n := testing.AllocsPerRun(100, func() { buf, _ = AppendPacket(buf[:0], h, body, testSecret) }); n > 0 {
		t.Errorf("%v allocations where there is room", n)
	}
}

func BenchmarkAuthorRequest(b *testing.B) {
	h := Header{Version: Version0, Type: TypeAuthor, Seq: 1, SessionID: 7}
	body := authorExample()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := AppendPacket(nil, h, body, testSecret); err != nil {
			b.Fatal(err)
		}
	}
}
