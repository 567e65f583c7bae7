package gateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"aaa-api/internal/aaa"
	"aaa-api/internal/crossing"
	"aaa-api/internal/dict"
	"aaa-api/internal/engines"
	"aaa-api/internal/engines/enginetest"
	radiusengine "aaa-api/internal/engines/radius"
	tacacsengine "aaa-api/internal/engines/tacacs"
	"aaa-api/internal/logging"
	"aaa-api/internal/radius"
	"aaa-api/internal/radius/avp"
	"aaa-api/internal/store"
	"aaa-api/internal/tacacs"
	"aaa-api/internal/tail"
)

const backendSecret = "s3cr3t-backend"

// deviceWords are the dictionaries that devices' packets are read by.
func deviceWords(t testing.TB) *dict.Set {
	t.Helper()
	system, err := systemDictionaries()
	if err != nil {
		t.Fatal(err)
	}
	own, _ := system.Get("dictionary_tacacs")
	return system.Default().Join(dict.NewSet(own))
}

// avpsOf are AVPs of name=value, name*value.
func avpsOf(t testing.TB, list ...string) (out []aaa.AVP) {
	t.Helper()
	words := deviceWords(t)
	for _, text := range list {
		i := strings.IndexAny(text, "=*")
		a := words.ByName(text[:i])
		if a == nil {
			a = aaa.NewArgument(text[:i])
		}
		octets, err := words.Encode(a, text[i+1:])
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, aaa.AVP{Attr: a, Value: octets, Optional: text[i] == '*'})
	}
	return out
}

// told are the texts of AVPs.
func told(t testing.TB, avps []aaa.AVP) []string {
	t.Helper()
	words := deviceWords(t)
	out := []string{}
	for _, v := range avps {
		out = append(out, v.Attr.Name+"="+words.Text(v.Attr, v.Value))
	}
	return out
}

// device is a request of a device.
func (f *fixture) device(p aaa.ClientProtocol, op aaa.Op, avps []aaa.AVP) *aaa.Request {
	id := f.ids["customer"]
	return &aaa.Request{
		ID: "r1", Account: id, Op: op, Values: crossing.Values(avps, deviceWords(f.t)),
		Device: &aaa.Device{Protocol: p, Owner: id, Client: "switch", From: netip.MustParseAddr("192.0.2.7"), AVPs: avps},
	}
}

// backendDoc is a document of one server with rules that no device's request goes by.
func backendDoc(engine string, addr netip.AddrPort, dicts, avp, members string) string {
	return fmt.Sprintf(`{"aaa_mode":"on","workers":8,"nas_address":"203.0.113.1","nas_port":7,"servers":[{"enabled":true,"name":"one","address":%q,"port":%d,"secret":%q,"aaa_engine":%q,"dicts":[%s],"avp":%q,"retries":0,"timeout":5000}],
		"authentication":["one"],"authorization":["one"],"accounting":["one"],
		"authn_avp_translation":[{"request_key":"login","attribute":"User-Name","request_value_regexp":"^(.*)$","attr_value_regexp":"^(.*)$"}]%s}`,
		addr.Addr(), addr.Port(), backendSecret, engine, dicts, avp, members)
}

// realEngines are both protocols.
func realEngines(t *testing.T) []engines.Engine {
	r, c := radiusengine.New(radiusengine.Options{}), tacacsengine.New(tacacsengine.EngineOptions{})
	t.Cleanup(func() { _ = r.Close() })
	return []engines.Engine{r, c}
}

// decoded are the attributes of a request as a server of the secret reads them.
func decoded(t testing.TB, packet []byte) []aaa.AVP {
	t.Helper()
	p, err := radius.Parse(bytes.Clone(packet))
	if err != nil {
		t.Fatal(err)
	}
	auth := radius.Authenticator(packet[4:20])
	d := avp.Decoder{Dict: deviceWords(t), Cipher: radius.Cipher{Key: radius.NewKey([]byte(backendSecret)), Request: &auth}}
	return slices.DeleteFunc(d.Decode(p), func(v aaa.AVP) bool { return v.Attr.Name == "Message-Authenticator" })
}

// A RADIUS device's attributes reach a RADIUS server as they came: a strict one those of its dictionaries, a custom one all, hidden ones
// under its own secret. Its answer comes back with keys that only the service could read.
func TestDeviceToItsOwnProtocol(t *testing.T) {
	t.Parallel()
	packet := avpsOf(t, "User-Name=alice", "User-Password=wönder", "NAS-IP-Address=192.0.2.1", "Cisco-AVPair=a=b", "Class=0x01", "Calling-Station-Id=00-11", "Class=0x02", "Proxy-State=0x07", "State=0x08")
	packet = append(packet, aaa.AVP{Attr: deviceWords(t).Unknown(nil, nil, 250), Value: []byte("x")},
		aaa.AVP{Attr: deviceWords(t).Unknown(nil, nil, 6), Value: []byte("bad"), Invalid: true})
	standard := []string{"User-Name=alice", "User-Password=wönder", "NAS-IP-Address=192.0.2.1", "Class=0x01", "Calling-Station-Id=00-11", "Class=0x02"}
	for name, c := range map[string]struct {
		avp, dicts string
		want       []string
	}{
		"strict":                 {"strict", `"dictionary"`, standard},
		"strict with the vendor": {"strict", `"dictionary","dictionary_cisco"`, slices.Insert(slices.Clone(standard), 3, "Cisco-AVPair=a=b")},
		"custom":                 {"custom", `"dictionary"`, append(slices.Insert(slices.Clone(standard), 3, "Cisco-AVPair=a=b"), "Attr-250=0x78", "Attr-6=0x626164")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			key := radius.NewKey([]byte(backendSecret))
			mppe := bytes.Repeat([]byte{0xa1}, 32)
			server := enginetest.NewScriptedRADIUS(t, backendSecret, func(q *enginetest.Query) {
				auth := radius.Authenticator(q.Packet[4:20])
				var e avp.Encoder
				e.Begin(radius.AccessAccept, &auth, key, 0x8001, nil)
				_ = e.Add(aaa.AVP{Attr: deviceWords(t).ByName("MS-MPPE-Send-Key"), Value: mppe})
				_ = e.Add(aaa.AVP{Attr: deviceWords(t).ByName("Reply-Message"), Value: []byte("hi")})
				q.Send(q.Answer(radius.AccessAccept, e.Packet[radius.HeaderLen:]...))
			})
			f := newFixtureOf(t, realEngines(t))
			f.put("customer", backendDoc("radius", server.Addr, c.dicts, c.avp, ""))
			req := f.device(aaa.ClientRADIUS, aaa.Authn, packet)
			delete(req.Values, "State") // only one that the service gave out is there
			res, err := f.gateway.Handle(f.ctx, req)
			f.must(err)
			if diff := cmp.Diff(c.want, told(t, decoded(t, server.Packets()[0]))); diff != "" {
				t.Errorf("the server got (-want +got):\n%s", diff)
			}
			if res.Reply == nil || res.Reply.Engine != "radius" || res.Keys != nil || res.AVPs != nil {
				t.Fatalf("%+v", res)
			}
			back, left := crossing.Reply(aaa.ClientRADIUS, aaa.Authn, res, deviceWords(t))
			if diff := cmp.Diff([]string{"MS-MPPE-Send-Key=0x" + strings.Repeat("a1", 32), "Reply-Message=hi"}, told(t, back)); diff != "" || left != nil {
				t.Errorf("left %v, the device gets (-want +got):\n%s", left, diff)
			}
		})
	}
}

// What would make another request of it is not left out: it is refused, with nothing sent.
func TestDeviceLosesNoCredential(t *testing.T) {
	t.Parallel()
	f := newFixtureOf(t, realEngines(t))
	f.put("customer", backendDoc("radius", netip.MustParseAddrPort("127.0.0.1:1"), `"dictionary"`, "strict", ""))
	_, err := f.gateway.Handle(f.ctx, f.device(aaa.ClientRADIUS, aaa.Authn, avpsOf(t, "User-Name=a", "MS-CHAP-Challenge=0x0102030405060708", "MS-CHAP-Response=0x"+strings.Repeat("01", 50))))
	var e *aaa.Error
	if !errors.As(err, &e) || e.Kind != aaa.KindBadInput || !strings.HasPrefix(e.Fields[0].Path, "MS-CHAP") {
		t.Errorf("a credential that the server's dictionaries lack: %v", err)
	}
	f.put("customer", backendDoc("tacacs", netip.MustParseAddrPort("127.0.0.1:1"), `"dictionary_tacacs"`, "strict", ""))
	_, err = f.gateway.Handle(f.ctx, f.device(aaa.ClientTACACS, aaa.Authz, avpsOf(t, "user=a", "service=shell", "cmd=show", "x-only=1")))
	if e = nil; !errors.As(err, &e) || e.Kind != aaa.KindBadInput || e.Fields[0].Path != "x-only" {
		t.Errorf("a mandatory argument that the server's dictionaries lack: %v", err)
	}
}

// An attribute that only the server's dictionaries know to be encrypted never goes on: what was read of it is ciphertext.
func TestDeviceUnreadableSecret(t *testing.T) {
	t.Parallel()
	server := enginetest.NewScriptedRADIUS(t, backendSecret, func(q *enginetest.Query) { q.Send(q.Answer(radius.AccessAccept)) })
	f := newFixtureOf(t, realEngines(t))
	body := `[{"vendor":{"Acme":64999}},{"attr":{"vid":64999,"id":1,"type":"string","name":"Acme-Secret","enc":"salt_crypt"}},{"attr":{"vid":64999,"id":2,"type":"string","name":"Acme-Plain"}}]`
	_, err := f.store.Dictionaries().Create(f.ctx, store.Dictionary{Account: f.ids["customer"], Name: "acme", Body: []byte(body)})
	f.must(err)
	f.sync()
	for _, mode := range []string{"strict", "custom"} {
		f.put("customer", backendDoc("radius", server.Addr, `"dictionary","acme"`, mode, ""))
		vendor := &aaa.Vendor{Number: 64999, TypeOctets: 1, LengthOctets: 1}
		list := append(avpsOf(t, "User-Name=a", "User-Password=w"),
			aaa.AVP{Attr: deviceWords(t).Unknown(vendor, nil, 1), Value: []byte("ciphertext")}, aaa.AVP{Attr: deviceWords(t).Unknown(vendor, nil, 2), Value: []byte("p")})
		_, err := f.gateway.Handle(f.ctx, f.device(aaa.ClientRADIUS, aaa.Authn, list))
		f.must(err)
		packets := server.Packets()
		if p := packets[len(packets)-1]; bytes.Contains(p, []byte("ciphertext")) || !bytes.Contains(p, []byte{0xfd, 0xe7, 2, 3, 'p'}) {
			t.Errorf("%s: %x", mode, p)
		}
	}
}

// With client_rules the rules make the request.
func TestDeviceByRules(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put("customer", with(doc("on", "one"), `"client_rules": true`))
	res, err := f.gateway.Handle(f.ctx, f.device(aaa.ClientRADIUS, aaa.Authn, avpsOf(t, "User-Name=alice", "User-Password=w", "Class=0x01")))
	f.must(err)
	if diff := cmp.Diff([]string{"User-Name=alice", "User-Password=w"}, told(t, f.engine.last().AVPs)); diff != "" || res.Reply == nil {
		t.Errorf("%+v (-want +got):\n%s", res, diff)
	}
}

// A RADIUS device is served by a TACACS+ server, and the other way round.
func TestDeviceAcross(t *testing.T) {
	t.Parallel()
	f := newFixtureOf(t, realEngines(t))
	asked := make(chan tacacs.Body, 10)
	peer := (&enginetest.TACACSPeer{Secret: backendSecret}).Start(t, func(l *enginetest.TACACSLink) {
		for h, body := range l.Requests() {
			asked <- body
			answer := enginetest.TACACSPass(body)
			if a, ok := answer.(*tacacs.AuthenReply); ok {
				a.ServerMsg = "welcome"
			}
			l.Send(h.Answer(h.Flags), answer)
		}
	})
	addr := netip.MustParseAddrPort(peer.Listener.Addr().String())
	f.put("customer", backendDoc("tacacs", addr, `"dictionary_tacacs"`, "strict", ""))
	res, err := f.gateway.Handle(f.ctx, f.device(aaa.ClientRADIUS, aaa.Authn, avpsOf(t, "User-Name=alice", "User-Password=password", "NAS-Port-Id=tty1", "Calling-Station-Id=192.0.2.9")))
	f.must(err)
	if s, ok := (<-asked).(*tacacs.AuthenStart); !ok || s.User != "alice" || s.Port != "tty1" || s.RemAddr != "192.0.2.9" || s.Method != tacacs.AuthenPAP {
		t.Errorf("the server got %+v", s)
	}
	back, _ := crossing.Reply(aaa.ClientRADIUS, aaa.Authn, res, deviceWords(t))
	if diff := cmp.Diff([]string{"Reply-Message=welcome"}, told(t, back)); diff != "" || res.Outcome != aaa.Accept {
		t.Errorf("%s, the device gets (-want +got):\n%s", res.Outcome, diff)
	}
	_, err = f.gateway.Handle(f.ctx, f.device(aaa.ClientRADIUS, aaa.Authn, avpsOf(t, "User-Name=alice", "EAP-Message=0x0201000501")))
	if aaa.KindOf(err) != aaa.KindBadInput {
		t.Errorf("EAP to TACACS+: %v", err)
	}
	_, err = f.gateway.Handle(f.ctx, f.device(aaa.ClientRADIUS, aaa.Accounting, avpsOf(t, "User-Name=alice", "Acct-Status-Type=Stop", "Acct-Session-Id=s1", "Acct-Input-Octets=5", "Acct-Session-Time=60", "Event-Timestamp=1700000000")))
	f.must(err)
	r, ok := (<-asked).(*tacacs.AcctRequest)
	if !ok || r.Flags != tacacs.AcctStop {
		t.Fatalf("%+v", r)
	}
	for _, want := range []string{"task_id=s1", "bytes_in=5", "elapsed_time=60", "stop_time=1700000000", "service=shell"} {
		if !slices.Contains(r.Args, want) {
			t.Errorf("no %s in %q", want, r.Args)
		}
	}

	server := enginetest.NewScriptedRADIUS(t, backendSecret, func(q *enginetest.Query) {
		if radius.Code(q.Packet[0]) == radius.AccountingRequest {
			q.Send(q.Bare(radius.AccountingResponse))
			return
		}
		q.Send(q.Answer(radius.AccessAccept, 6, 6, 0, 0, 0, 6)) // Service-Type = Administrative-User
	})
	f.put("customer", backendDoc("radius", server.Addr, `"dictionary","dictionary_cisco"`, "strict", ""))
	res, err = f.gateway.Handle(f.ctx, f.device(aaa.ClientTACACS, aaa.Authz, avpsOf(t, "user=alice", "port=tty1", "service=shell", "cmd=")))
	f.must(err)
	if diff := cmp.Diff([]string{"User-Name=alice", "NAS-Port-Id=tty1", "NAS-IP-Address=192.0.2.7", "Service-Type=NAS-Prompt-User"}, told(t, decoded(t, server.Packets()[0]))); diff != "" {
		t.Errorf("the server got (-want +got):\n%s", diff)
	}
	back, _ = crossing.Reply(aaa.ClientTACACS, aaa.Authz, res, deviceWords(t))
	if diff := cmp.Diff([]string{"priv-lvl=15"}, told(t, back)); diff != "" {
		t.Errorf("the device gets (-want +got):\n%s", diff)
	}
	_, err = f.gateway.Handle(f.ctx, f.device(aaa.ClientTACACS, aaa.Authz, avpsOf(t, "user=alice", "service=shell", "cmd=reload")))
	if aaa.KindOf(err) != aaa.KindBadInput || len(server.Packets()) != 1 {
		t.Errorf("a command to RADIUS: %v", err)
	}
}

// A TACACS+ device's fields and arguments reach a TACACS+ server as they came.
func TestTACACSDeviceToTACACS(t *testing.T) {
	t.Parallel()
	f := newFixtureOf(t, realEngines(t))
	asked := make(chan tacacs.Body, 10)
	peer := (&enginetest.TACACSPeer{Secret: backendSecret}).Start(t, func(l *enginetest.TACACSLink) {
		for h, body := range l.Requests() {
			asked <- body
			l.Send(h.Answer(h.Flags), enginetest.TACACSPass(body))
		}
	})
	f.put("customer", backendDoc("tacacs", netip.MustParseAddrPort(peer.Listener.Addr().String()), `"dictionary_tacacs"`, "strict", ""))
	res, err := f.gateway.Handle(f.ctx, f.device(aaa.ClientTACACS, aaa.Authz, avpsOf(t, "user=alice", "port=tty1", "rem_addr=192.0.2.9", "priv_lvl=root", "authen_method=local", "authen_type=ascii", "authen_service=login",
		"service=shell", "cmd=show", "cmd-arg=version", "cmd-arg=<cr>", "x-own*1")))
	f.must(err)
	r := (<-asked).(*tacacs.AuthorRequest)
	want := tacacs.AuthorRequest{
		Identity: tacacs.Identity{AuthenMethod: tacacs.MethodLocal, PrivLvl: 15, AuthenType: tacacs.AuthenASCII, AuthenService: tacacs.ServiceLogin, User: "alice", Port: "tty1", RemAddr: "192.0.2.9"},
		Args:     []string{"service=shell", "cmd=show", "cmd-arg=version", "cmd-arg=<cr>"},
	}
	if diff := cmp.Diff(want, *r); diff != "" || res.Reply == nil || res.Reply.Engine != "tacacs" {
		t.Errorf("%+v (-want +got):\n%s", res, diff)
	}
}

// What a device asks for nobody is asked of a server without a name, not with that of the document.
func TestDeviceOfNobody(t *testing.T) {
	t.Parallel()
	const members = `,"authz_username":"gateway","authz_password":"p4ss"`
	for _, rules := range []string{"", `,"client_rules":true`} {
		f := newFixtureOf(t, realEngines(t))
		asked := make(chan tacacs.Body, 10)
		peer := (&enginetest.TACACSPeer{Secret: backendSecret}).Start(t, func(l *enginetest.TACACSLink) {
			for h, body := range l.Requests() {
				asked <- body
				l.Send(h.Answer(h.Flags), enginetest.TACACSPass(body))
			}
		})
		f.put("customer", backendDoc("tacacs", netip.MustParseAddrPort(peer.Listener.Addr().String()), `"dictionary_tacacs"`, "custom", members+rules))
		_, err := f.gateway.Handle(f.ctx, f.device(aaa.ClientTACACS, aaa.Authz, avpsOf(t, "port=tty1", "service=shell", "cmd=reload")))
		f.must(err)
		if r := (<-asked).(*tacacs.AuthorRequest); r.User != "" {
			t.Errorf("%s: the TACACS+ server is asked for %q", rules, r.User)
		}

		server := enginetest.NewScriptedRADIUS(t, backendSecret, func(q *enginetest.Query) { q.Send(q.Answer(radius.AccessAccept)) })
		f.put("customer", backendDoc("radius", server.Addr, `"dictionary"`, "strict", members+rules))
		_, err = f.gateway.Handle(f.ctx, f.device(aaa.ClientTACACS, aaa.Authz, avpsOf(t, "port=tty1", "service=shell", "cmd=")))
		f.must(err)
		if got := told(t, decoded(t, server.Packets()[0])); slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, "User-Name=") }) {
			t.Errorf("%s: the RADIUS server is asked %v", rules, got)
		}
	}
}

// A fault of a device's request is told by the attribute that it sent: the document's rules are not for it.
func TestDeviceFaultHasNoRule(t *testing.T) {
	t.Parallel()
	f := newFixtureOf(t, realEngines(t))
	server := enginetest.NewScriptedRADIUS(t, backendSecret, func(*enginetest.Query) {})
	document := backendDoc("radius", server.Addr, `"dictionary"`, "strict", "")
	f.put("customer", strings.ReplaceAll(document, `"request_key":"login","attribute":"User-Name"`, `"request_key":"User-Password","attribute":"User-Password"`))
	list := append(avpsOf(t, "user=alice"), aaa.AVP{Attr: crossing.Field("password"), Value: bytes.Repeat([]byte("x"), 200)})
	req := f.device(aaa.ClientTACACS, aaa.Authn, list)
	req.Values["User-Password"] = req.Values["password"]
	_, err := f.gateway.Handle(f.ctx, req)
	var e *aaa.Error
	if !errors.As(err, &e) || e.Kind != aaa.KindBadInput || e.Fields[0].Path != "User-Password" || strings.Contains(err.Error(), "rule") {
		t.Errorf("%v", err)
	}
}

// A device's record is answered once it is stored, waits with the attributes that the device sent, and is delivered with them: older, at its own time.
func TestDeviceAccounting(t *testing.T) {
	t.Parallel()
	n := &noting{}
	f := newFixture(t, func(o *Options) { o.Spool = n })
	f.put("customer", doc("on", "one"))
	list := avpsOf(t, "User-Name=alice", "Acct-Status-Type=Start", "Acct-Session-Id=s1", "NAS-Identifier=n", "Acct-Delay-Time=5", "Class=0x01", "Calling-Station-Id=00-11")
	res, err := f.gateway.Handle(f.ctx, f.device(aaa.ClientRADIUS, aaa.Accounting, list))
	f.must(err)
	if res.Outcome != aaa.Stored || len(n.stored) != 1 || len(f.engine.take()) != 0 {
		t.Fatalf("%+v, %d stored", res, len(n.stored))
	}
	r := n.stored[0]
	if r.Kind != store.SpoolStart || r.User != "alice" || r.AcctSessionID != "s1" || r.Digest == "" || time.Since(r.EventAt) < 4*time.Second {
		t.Errorf("%+v", r)
	}
	text, err := json.Marshal(r.Body)
	f.must(err)
	body := r.Body
	body.Device, body.Values = nil, nil
	f.must(aaa.DecodeJSON(text, &body))
	r.Body = body
	values := aaa.Values{}
	for k, v := range r.Values {
		values[k] = v
	}
	values["Acct-Delay-Time"] = json.Number("65")
	_, err = f.gateway.Deliver(f.ctx, r, values)
	f.must(err)
	want := []string{"User-Name=alice", "Acct-Status-Type=Start", "Acct-Session-Id=s1", "NAS-Identifier=n", "Acct-Delay-Time=65", "Class=0x01", "Calling-Station-Id=00-11"}
	last := f.engine.last()
	if diff := cmp.Diff(want, told(t, last.AVPs)); diff != "" || !last.Happened.Equal(r.EventAt) {
		t.Errorf("%v (-want +got):\n%s", last.Happened, diff)
	}

	again := avpsOf(t, "User-Name=alice", "Acct-Status-Type=Start", "Acct-Session-Id=s1", "NAS-Identifier=n", "Acct-Delay-Time=9", "Class=0x01", "Calling-Station-Id=00-11")
	_, err = f.gateway.Handle(f.ctx, f.device(aaa.ClientRADIUS, aaa.Accounting, again))
	f.must(err)
	if n.stored[1].Digest != r.Digest || n.stored[1].Session != r.Session {
		t.Error("a repetition with a greater delay has another digest")
	}
	other := f.device(aaa.ClientRADIUS, aaa.Accounting, list)
	other.Device.Client = "another"
	_, err = f.gateway.Handle(f.ctx, other)
	f.must(err)
	if n.stored[2].Session == r.Session {
		t.Error("two clients share a session identifier")
	}
	at := time.Now().Add(-time.Hour).Unix()
	for i, from := range []string{"192.0.2.7", "192.0.2.8"} { // task identifiers of TACACS+ are small numbers
		req := f.device(aaa.ClientTACACS, aaa.Accounting, avpsOf(t, "user=a", "Acct-Status-Type=Stop", "task_id=1", fmt.Sprintf("stop_time=%d", at)))
		req.Device.From = netip.MustParseAddr(from)
		_, err = f.gateway.Handle(f.ctx, req)
		f.must(err)
		if got := n.stored[3+i]; got.Kind != store.SpoolStop || got.EventAt.Unix() != at || got.User != "a" {
			t.Errorf("%+v", got)
		}
	}
	if n.stored[3].Session == n.stored[4].Session {
		t.Error("two TACACS+ devices share a session identifier")
	}
}

// A device gets no answer to a record that would be lost, unless the account has no use for records.
func TestDeviceAccountingAnswers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		document string
		err      error
		outcome  aaa.Outcome
		kind     aaa.Kind
	}{
		"stored":            {doc("on", "one"), nil, aaa.Stored, 0},
		"no room":           {doc("on", "one"), aaa.Errorf(aaa.KindLimited, "full"), "", aaa.KindLimited},
		"none enabled":      {doc("on", "!one"), nil, "", aaa.KindNoAnswer},
		"no server at all":  {doc("on"), nil, aaa.Off, 0},
		"off":               {doc("off", "one"), nil, aaa.Off, 0},
		"one of the parent": {doc("inherit"), nil, aaa.Stored, 0},
	} {
		n := &noting{err: c.err}
		f := newFixture(t, func(o *Options) { o.Spool = n })
		f.put("reseller", doc("on", "one"))
		f.put("customer", c.document)
		res, err := f.gateway.Handle(f.ctx, f.device(aaa.ClientRADIUS, aaa.Accounting, avpsOf(t, "User-Name=a", "Acct-Status-Type=Start", "Acct-Session-Id=s")))
		switch {
		case c.outcome == "" && aaa.KindOf(err) != c.kind:
			t.Errorf("%s: %v", name, err)
		case c.outcome != "" && (err != nil || res.Outcome != c.outcome):
			t.Errorf("%s: %+v, %v", name, res, err)
		case (c.outcome == aaa.Stored) != (len(n.stored) == 1):
			t.Errorf("%s: %d records", name, len(n.stored))
		}
	}
}

// A users file, a ban and a realm find the user of a device, whatever the rules are.
func TestDeviceInTables(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	id := f.ids["customer"]
	sealed, _, err := f.gateway.MergeUsers(f.ctx, id, "users", "alice\tPassword = \"$6$abcdefgh$7UW/m8.8p8VOcWkAmSkdpsMfBBla8WZ2z7miVSdNUlBqU6a36aviJe.NVBZCyDzsi5HgDnnQBKFW4ea4rWhxG/\"\n\tSession-Timeout = 60\n", "")
	f.must(err)
	_, err = f.store.Texts().Create(f.ctx, store.Text{Account: id, Kind: store.TextUsers, Name: "users", Body: sealed})
	f.must(err)
	f.table("customer", "file", "Start:\n\t*.+AUTHEN.ACK FILE Wait\nWait:\n\t*.FILE.ACK REPLY Hold\n\t*.FILE.NAK REPLY Hold\n\t*.*.TIMEOUT NULL End\nHold:\n\t*.*.TIMEOUT NULL End\nEnd:\n")
	f.put("customer", with(doc("on"), `"fsm":"file","bans":{"by":["Calling-Station-Id"],"max_score":20}`))
	for _, c := range []struct {
		p    aaa.ClientProtocol
		avps []string
		want aaa.Outcome
	}{
		{aaa.ClientRADIUS, []string{"User-Name=alice", "User-Password=wönder"}, aaa.Accept},
		{aaa.ClientTACACS, []string{"user=alice", "password=wönder"}, aaa.Accept},
		{aaa.ClientTACACS, []string{"user=alice", "password=wrong"}, aaa.Reject},
		{aaa.ClientRADIUS, []string{"User-Name=alice", "CHAP-Password=0x0101010101010101010101010101010101", "CHAP-Challenge=0x01"}, aaa.Reject},
	} {
		res, err := f.gateway.Handle(f.ctx, f.device(c.p, aaa.Authn, avpsOf(t, c.avps...)))
		f.must(err)
		if res.Outcome != c.want {
			t.Errorf("%v: %s", c.avps, res.Outcome)
		}
		if back, _ := crossing.Reply(c.p, aaa.Authn, res, deviceWords(t)); c.want == aaa.Accept && c.p == aaa.ClientRADIUS && !slices.Equal(told(t, back), []string{"Session-Timeout=60"}) {
			t.Errorf("%v: %v", c.avps, told(t, back))
		}
	}
	wrong := avpsOf(t, "User-Name=alice", "User-Password=wrong", "Calling-Station-Id=00-11")
	for range 2 {
		_, err = f.gateway.Handle(f.ctx, f.device(aaa.ClientRADIUS, aaa.Authn, wrong))
		f.must(err)
	}
	if _, err = f.gateway.Handle(f.ctx, f.device(aaa.ClientRADIUS, aaa.Authn, wrong)); aaa.KindOf(err) != aaa.KindBanned {
		t.Errorf("not banned: %v", err)
	}
}

// A device's request is counted by protocol, and its line and its summary tell who sent it; nothing shows the password.
func TestDeviceIsSeen(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	f := newFixture(t, func(o *Options) { o.Requests = logging.NewRequests(&log, slog.LevelInfo, "a") })
	f.put("customer", doc("on", "one"))
	f.engine.set("one", rejects)
	_, err := f.gateway.Handle(f.ctx, f.device(aaa.ClientTACACS, aaa.Authn, avpsOf(t, "user=al\x00ice", "password=wonderland")))
	f.must(err)
	_, err = f.ask("customer", aaa.Authn, nil)
	f.must(err)
	if got := f.counted("aaa_api_device_requests_total", map[string]string{"protocol": "tacacs"}); got["reject"] != 1 || len(got) != 1 {
		t.Errorf("counted %v", got)
	}
	var line map[string]any
	if err := json.Unmarshal(log.Bytes(), &line); err != nil {
		t.Fatalf("%v: %s", err, log.String())
	}
	for key, want := range map[string]any{"msg": "request", "operation": "authn", "result": "reject", "protocol": "tacacs", "client": "switch", "caller": "192.0.2.7", "request_id": "r1", "server": "one"} {
		if line[key] != want {
			t.Errorf("%s: %v, want %v", key, line[key], want)
		}
	}
	list := f.gateway.tail.Last(&tail.Filter{}, 10)
	if len(list) != 2 || list[0].Device != "tacacs switch 192.0.2.7" || list[1].Device != "" {
		t.Errorf("%+v", list)
	}
	if strings.Contains(log.String(), "wonderland") || line["user"] != nil {
		t.Errorf("the line shows the password, or the user unasked: %s", log.String())
	}
}

// The line names the user if the operator wants it.
func TestDeviceLineWithUser(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	f := newFixture(t, func(o *Options) { o.Requests, o.LogUser = logging.NewRequests(&log, slog.LevelInfo, "a"), true })
	f.put("customer", doc("on", "one"))
	f.engine.set("one", rejects)
	_, err := f.gateway.Handle(f.ctx, f.device(aaa.ClientTACACS, aaa.Authn, avpsOf(t, "user=alice", "password=wonderland")))
	f.must(err)
	if !strings.Contains(log.String(), `"user":"alice"`) {
		t.Errorf("%s", log.String())
	}
}

// FreeRADIUS takes the logins of a TACACS+ device by each kind of credential, and refuses wrong ones.
func TestTACACSDeviceToFreeRADIUS(t *testing.T) {
	t.Parallel()
	server := enginetest.FreeRADIUS(t)
	f := newFixtureOf(t, realEngines(t))
	document := backendDoc("radius", server.AuthAddr, `"dictionary","dictionary_microsoft"`, "strict", "")
	f.put("customer", strings.ReplaceAll(document, backendSecret, server.Secret))
	for _, method := range []tacacs.AuthenType{tacacs.AuthenPAP, tacacs.AuthenCHAP, tacacs.AuthenMSCHAP, tacacs.AuthenMSCHAPv2} {
		for password, want := range map[string]aaa.Outcome{"correct horse": aaa.Accept, "wrong": aaa.Reject} {
			list := avpsOf(t, "action=login", "user=alice", "port=tty1", "authen_service=ppp")
			list = append(list, aaa.AVP{Attr: crossing.Field("authen_type"), Value: []byte{byte(method)}})
			if method == tacacs.AuthenPAP {
				list = append(list, avpsOf(t, "password="+password)...)
			} else {
				challenge := bytes.Repeat([]byte{0x5a}, tacacs.ChallengeLen(method))
				response, err := tacacs.Respond(method, 7, []byte("alice"), []byte(password), challenge)
				f.must(err)
				list = append(list, aaa.AVP{Attr: crossing.Field("chap_id"), Value: []byte{7}},
					aaa.AVP{Attr: crossing.Field("chap_challenge"), Value: challenge}, aaa.AVP{Attr: crossing.Field("chap_response"), Value: response})
			}
			res, err := f.gateway.Handle(f.ctx, f.device(aaa.ClientTACACS, aaa.Authn, list))
			f.must(err)
			back, _ := crossing.Reply(aaa.ClientTACACS, aaa.Authn, res, deviceWords(t))
			if res.Outcome != want || want == aaa.Accept && !slices.Equal(told(t, back), []string{"server_msg=Hello alice"}) {
				t.Errorf("authen_type %d with the password %q: %s, %v", method, password, res.Outcome, told(t, back))
			}
		}
	}
}

// A device's answer to a challenge goes to the server that asked, with its own State, and is a REACCESS.
func TestDeviceChallenged(t *testing.T) {
	t.Parallel()
	server := enginetest.NewScriptedRADIUS(t, backendSecret, func(q *enginetest.Query) {
		if q.Count == 1 {
			q.Send(q.Answer(radius.AccessChallenge, 24, 4, 0, 9, 18, 6, 'C', 'o', 'd', 'e'))
			return
		}
		q.Send(q.Answer(radius.AccessAccept))
	})
	f := newFixtureOf(t, realEngines(t))
	f.table("customer", "two", "Start:\n\t*.+AUTHEN.ACK AUTHENTICATE Wait\n\t*.+REACCESS.ACK AUTHENTICATE Wait\nWait:\n\t*.AUTHENTICATE.ACK REPLY Hold\n\t*.AUTHENTICATE.ACC_CHAL REPLY Hold\n\t*.*.TIMEOUT NULL End\nHold:\n\t*.*.TIMEOUT NULL End\nEnd:\n")
	f.put("customer", backendDoc("radius", server.Addr, `"dictionary"`, "strict", `,"fsm":"two"`))
	res, err := f.gateway.Handle(f.ctx, f.device(aaa.ClientRADIUS, aaa.Authn, avpsOf(t, "User-Name=alice", "User-Password=one")))
	f.must(err)
	back, _ := crossing.Reply(aaa.ClientRADIUS, aaa.Authn, res, deviceWords(t))
	if res.Outcome != aaa.Challenge || res.State == "" || !slices.Equal(told(t, back), []string{"Reply-Message=Code"}) {
		t.Fatalf("%+v, %v", res, told(t, back))
	}
	again := f.device(aaa.ClientRADIUS, aaa.Authn, avpsOf(t, "User-Name=alice", "User-Password=two", "NAS-Port=7"))
	again.Values["State"], again.Trace = res.State, true
	res, err = f.gateway.Handle(f.ctx, again)
	f.must(err)
	if got := told(t, decoded(t, server.Packets()[1])); res.Outcome != aaa.Accept || !slices.Equal(got, []string{"User-Name=alice", "User-Password=two", "NAS-Port=7", "State=0x0009", "NAS-IP-Address=192.0.2.7"}) {
		t.Errorf("%s, the server got %v", res.Outcome, got)
	}
	if len(res.Trace.FSM) == 0 || !strings.Contains(res.Trace.FSM[0].Event, "REACCESS") {
		t.Errorf("the table began with %+v", res.Trace.FSM)
	}
}
