package plans

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"sync"
)

// packed is a text that is kept compressed: a dictionary takes a tenth, and a document little more than its sealed secrets.
type packed []byte

// common is what documents have in common. A text that repeats it takes a few octets in its place. It is never stored, so it may
// change.
const common = `"HashedSecret","previous_secret":"sealed:v1:","health_check":{"type":"status-server"},"require_message_authenticator":"yes",` +
	`"transport":"tls","single_connect":"auto","connections":1,"aaa_engine":"tacacs","fsm":"sequential","session_timeout":,"realms":{},` +
	`"custom":[],"block_authz":[{"channel":["inbound","outbound","internal","external"]}],"block_accounting":[],` +
	`"accounting_avp_translation":[],"authz_avp_translation":[],"custom_avp_translation":[],"request_key":"Acct-Session-Id","Acct-Status-Type",` +
	`"Framed-IP-Address","NAS-IP-Address","NAS-Identifier","NAS-Port","Called-Station-Id","State","CHAP-Password",` +
	`{"aaa_mode":"inherit","accounting":["primary","backup"],"authentication":["primary"],"authn_avp_translation":[` +
	`{"attr_value_regexp":"^(.*)$","attribute":"User-Name","request_key":"User-Name","request_value_regexp":"^(.*)$"},` +
	`{"attr_value_regexp":"^(.*)$","attribute":"User-Password","request_key":"User-Password","request_value_regexp":"^(.*)$"},` +
	`{"attr_value_regexp":"^(.*)$","attribute":"Calling-Station-Id","request_key":"Calling-Station-Id","request_value_regexp":"^(.*)$"}],` +
	`"authorization":["primary"],"authz_apps":["circlemaker"],"nas_address":"127.0.0.1","nas_port":0,"servers":[{"aaa_engine":"radius",` +
	`"address":"10.0.0.1","avp":"strict","dicts":["dictionary"],"enabled":true,"name":"primary","port":1812,"retries":3,` +
	`"secret":"sealed:v1:","timeout":5000}],"workers":32}`

// packing is the fastest level of compression that looks at what texts have in common: flate.BestSpeed does not.
const packing = 2

// packers and unpackers are kept for the next text: a new one is larger than most texts.
var packers = sync.Pool{New: func() any {
	w, err := flate.NewWriterDict(io.Discard, packing, []byte(common))
	if err != nil {
		panic(err) // the level is a good one
	}
	return w
}}

var unpackers = sync.Pool{New: func() any { return flate.NewReader(bytes.NewReader(nil)) }}

func pack(text []byte) packed {
	var out bytes.Buffer
	w, _ := packers.Get().(*flate.Writer)
	defer packers.Put(w)
	w.Reset(&out)
	_, _ = w.Write(text) // a Buffer takes all
	_ = w.Close()
	return bytes.Clone(out.Bytes()) // no larger than it has to be
}

func (p packed) unpack() ([]byte, error) {
	r, _ := unpackers.Get().(io.ReadCloser)
	defer unpackers.Put(r)
	err := r.(flate.Resetter).Reset(bytes.NewReader(p), []byte(common))
	var text []byte
	if err == nil {
		text, err = io.ReadAll(r)
	}
	if err != nil {
		return nil, fmt.Errorf("text in memory: %w", err)
	}
	return text, nil
}
