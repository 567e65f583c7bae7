package gateway

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines/enginetest"
	engine "aaa-api/internal/engines/radius"
	"aaa-api/internal/radius"
)

// TestClassAndIdentityOnTheWire: five Class attributes and the Chargeable-User-Identity of an Access-Accept (RFC 2865 §5.25, RFC 4372 §2.2)
// are in the Start, the Interim-Update and the Stop of the session, in their order and octet for octet, whether a rule takes
// them to keys or not.
func TestClassAndIdentityOnTheWire(t *testing.T) {
	t.Parallel()
	const classNumber, cuiNumber, statusNumber = 25, 89, 40
	class := [][]byte{{0xff, 0x00, 0xfe}, []byte("0x41"), []byte("same"), []byte("same"), bytes.Repeat([]byte{'c'}, 253)}
	cui := []byte{0, 'c', 0x80, 'u'}
	var accept []byte
	for _, c := range class {
		accept = append(append(accept, classNumber, byte(len(c)+2)), c...)
	}
	accept = append(append(accept, cuiNumber, byte(len(cui)+2)), cui...)
	for name, back := range map[string]bool{"as they came": false, "by rules": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := enginetest.NewScriptedRADIUS(t, "s3cr3t-one", func(q *enginetest.Query) {
				if radius.Code(q.Packet[0]) == radius.AccessRequest {
					q.Send(q.Answer(radius.AccessAccept, accept...))
				} else {
					q.Send(q.Bare(radius.AccountingResponse))
				}
			})
			now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
			client := engine.New(engine.Options{})
			t.Cleanup(func() { _ = client.Close() })
			f := newFixtureOver(t, client, func(o *Options) { o.Now = func() time.Time { return now } })
			var d map[string]any
			f.must(json.Unmarshal([]byte(sessionDoc(t, `"local_interim_update_interval": 30`)), &d))
			one := d["servers"].([]any)[0].(map[string]any)
			one["address"], one["port"], one["timeout"] = server.Addr.Addr().String(), server.Addr.Port(), 5000
			rule := func(attribute string) map[string]string {
				return map[string]string{"request_key": attribute, "attribute": attribute, "request_value_regexp": "^(.*)$", "attr_value_regexp": "^(.*)$"}
			}
			text, err := json.Marshal(d)
			f.must(err)
			f.must(json.Unmarshal(text, &d))
			authn := d["authn_avp_translation"].([]any)[:2]
			if back {
				authn = append(authn, rule("Class"), rule("Chargeable-User-Identity"))
			}
			d["authn_avp_translation"] = authn
			d["accounting_avp_translation"] = append(d["accounting_avp_translation"].([]any), rule("Chargeable-User-Identity"))
			text, err = json.Marshal(d)
			f.must(err)
			f.put("customer", string(text))

			id := f.ids["customer"]
			a, err := f.gateway.StartSession(f.ctx, &aaa.Request{Account: id, Values: aaa.Values{"login": "alice", "code": "w"}})
			f.must(err)
			_, err = f.gateway.OpenSession(f.ctx, id, a.SID, nil)
			f.must(err)
			now = now.Add(30 * time.Second)
			f.runSessionsUntil("an Interim-Update", func() bool { return len(server.Packets()) >= 3 })
			_, err = f.gateway.CloseSession(f.ctx, id, a.SID, "", aaa.Usage{}, nil)
			f.must(err)
			server.Wait(t, 4)
			for i, status := range []byte{radius.StatusStart, 3, radius.StatusStop} {
				var classes [][]byte
				var got, identity []byte
				packet, err := radius.Parse(server.Packets()[i+1])
				f.must(err)
				for number, value := range packet.Attributes() {
					switch number {
					case classNumber:
						classes = append(classes, value)
					case cuiNumber:
						identity = value
					case statusNumber:
						got = value
					}
				}
				if diff := cmp.Diff(class, classes); diff != "" || !bytes.Equal(identity, cui) || !bytes.Equal(got, []byte{0, 0, 0, status}) {
					t.Errorf("status %d: the identity is %x, the classes (-want +sent):\n%s", got, identity, diff)
				}
			}
		})
	}
}
