package dict

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aaa-api/internal/aaa"
)

// wild is a text that FreeRADIUS 3 takes, what it sends for the attributes, and the warnings of ours.
type wild struct {
	name, text, attrs string
	wire              string // of the attributes, in hex
	warnings          []string
}

const twoVendors = "VENDOR V 1\nVENDOR W 2\n"

var wilds = []wild{
	{
		"a block never ended", twoVendors + "BEGIN-VENDOR V\nATTRIBUTE A 1 string\n",
		`A = "x"`, "1a0900000001010378",
		[]string{"line 3"},
	},
	{
		"a block begun inside another", twoVendors + "BEGIN-VENDOR V\nATTRIBUTE A 1 string\nBEGIN-VENDOR W\nATTRIBUTE B 1 string\nEND-VENDOR W\nATTRIBUTE C 200 string\n",
		`A = "x", B = "y", C = "z"`, "1a09000000010103781a0900000002010379c8037a",
		[]string{"line 5"},
	},
	{
		"the same name of another type", "ATTRIBUTE A 200 string\nATTRIBUTE A 200 integer\nVALUE A one 1\n",
		`A = one`, "c80600000001",
		[]string{"line 2"},
	},
	{
		"the same name of another type, after repetitions", "ATTRIBUTE A 200 string\nATTRIBUTE A 200 string\nATTRIBUTE A 200 integer\nATTRIBUTE A 200 integer\n",
		`A = 1`, "c80600000001",
		[]string{"line 3"},
	},
	{
		"the same name with a flag", "ATTRIBUTE A 200 string\nATTRIBUTE A 200 string encrypt=2\nATTRIBUTE A 200 string\n",
		`A = "x"`, "c80378",
		[]string{"line 2", "line 3"},
	},
	{
		"another name of another type", "ATTRIBUTE A 200 string\nATTRIBUTE B 200 integer\n",
		`A = "x", B = 1`, "c80378c80600000001",
		[]string{"line 2"},
	},
	{
		"another name, and the first again", "ATTRIBUTE A 200 string\nATTRIBUTE B 200 integer\nATTRIBUTE A 200 octets\n",
		`A = 0x78, B = 1`, "c80378c80600000001",
		[]string{"line 2", "line 3", "line 3"},
	},
	{
		"octets in comments that are not UTF-8", "# \xfc\nATTRIBUTE A 200 string # \xe9\n",
		`A = "x"`, "c80378", nil,
	},
	{
		"values of another attribute", "ATTRIBUTE A 200 integer\nATTRIBUTE B 201 integer\nVALUE-ALIAS B A\nVALUE A one 1\nATTRIBUTE C 202 integer\nVALUE-ALIAS C Service-Type\n",
		`B = one, C = Login-User`, "c90600000001ca0600000001", nil,
	},
	{
		"values of an attribute that has those of another", "ATTRIBUTE A 200 integer\nATTRIBUTE B 201 integer\nATTRIBUTE C 202 integer\nVALUE-ALIAS B A\nVALUE B two 2\nVALUE-ALIAS C B\nVALUE A one 1\nVALUE-ALIAS A A\n",
		`C = two`, "ca0600000002", nil,
	},
	{
		"a block ended by another name of its vendor", "VENDOR V 1\nVENDOR X 1\nBEGIN-VENDOR V\nATTRIBUTE A 1 string\nEND-VENDOR X\n",
		`A = "x"`, "1a0900000001010378", nil,
	},
	{
		"the oldest name of a prefix", "ATTRIBUTE A 200 cidr\n",
		`A = 10.0.0.0/8`, "c80800080a000000", nil,
	},
	{
		"what is passed over", "VALUE Server-Config X one\n$-INCLUDE\nATTRIBUTE A 200 string has_tag=1,\n",
		`A:1 = "x"`, "c8040178", nil,
	},
}

// TestTextOfTheWild: what FreeRADIUS 3 takes is taken, and means the same; where lines contradict each other a warning tells.
func TestTextOfTheWild(t *testing.T) {
	t.Parallel()
	standard := mustSet(t, "ATTRIBUTE Service-Type 6 integer\nVALUE Service-Type Login-User 1\n")
	for _, w := range wilds {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			text := strings.Replace(w.text, "$-INCLUDE\n", "", 1)
			for _, mark := range []string{"", "\ufeff"} {
				doc, err := Lint("d", []byte(mark+text), standard)
				if err != nil {
					t.Fatal(err)
				}
				var lines []string
				for _, f := range doc.Warnings {
					if lines = append(lines, f.Path); f.Message == "" || f.Rule == "" {
						t.Errorf("%+v says nothing", f)
					}
				}
				if fmt.Sprint(lines) != fmt.Sprint(w.warnings) {
					t.Errorf("warnings %v, want those of %v", doc.Warnings, w.warnings)
				}
				stable(t, doc.Value, standard)
				c, err := Compile("d", doc.Value, standard)
				if err != nil {
					t.Fatal(err)
				}
				if got := wireOf(t, NewSet(c).Join(standard), w.attrs); got != w.wire {
					t.Errorf("%s is sent as %s, FreeRADIUS sends %s", w.attrs, got, w.wire)
				}
			}
		})
	}
}

// wireOf encodes NAME = VALUE, … as a packet holds them, for vendors of the usual format.
func wireOf(t *testing.T, set *Set, attrs string) string {
	t.Helper()
	var out []byte
	for item := range strings.SplitSeq(attrs, ", ") {
		name, value, _ := strings.Cut(item, " = ")
		a, tag, err := set.Parse(name)
		if err != nil {
			t.Fatal(err)
		}
		wire, err := set.Encode(a, strings.Trim(value, `"`))
		if err != nil {
			t.Fatal(err)
		}
		if a.HasTag {
			wire = append([]byte{tag}, wire...)
		}
		for ; a != nil; a = a.Parent {
			wire = append([]byte{byte(a.Number), byte(len(wire) + 2)}, wire...)
			if a.Parent == nil && a.Vendor != nil {
				wire = append([]byte{26, byte(len(wire) + 6), 0, 0, 0, byte(a.Vendor.Number)}, wire...)
			}
		}
		out = append(out, wire...)
	}
	return fmt.Sprintf("%x", out)
}

// TestFreeRADIUSTakesTheWild holds the cases against a real radclient, so that none of them is made up.
func TestFreeRADIUSTakesTheWild(t *testing.T) {
	t.Parallel()
	radclient, err := exec.LookPath("radclient")
	if err != nil {
		t.Fatalf("%v: install freeradius-utils", err)
	}
	for _, w := range wilds {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			text := strings.Replace(w.text, "$-INCLUDE\n", "$-INCLUDE dictionary.none\n", 1)
			files := map[string]string{"dictionary.wild": text}
			main := ""
			for _, name := range []string{"dictionary.rfc2865", "dictionary.rfc2866", "dictionary.rfc2869", "dictionary.freeradius.internal"} {
				b, err := os.ReadFile(filepath.Join(freeradiusDir, name))
				if err != nil {
					t.Fatalf("%v: install freeradius-common", err)
				}
				files[name] = string(b)
				main += "$INCLUDE " + name + "\n"
			}
			files["dictionary"] = main + "$INCLUDE dictionary.wild\n"
			dir := writeFiles(t, files)
			raddb := writeFiles(t, map[string]string{"dictionary": ""})
			server, err := net.ListenPacket("udp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer server.Close()
			cmd := exec.CommandContext(t.Context(), radclient, "-D", dir, "-d", raddb, "-x", "-r", "1", "-t", "0.01", server.LocalAddr().String(), "auth", "s")
			cmd.Stdin = strings.NewReader(w.attrs + "\n")
			out, _ := cmd.CombinedOutput() // it fails for want of an answer
			if err := server.SetReadDeadline(time.Now().Add(time.Second)); err != nil {
				t.Fatal(err)
			}
			packet := make([]byte, 4096)
			n, _, err := server.ReadFrom(packet)
			if err != nil || n < 20 {
				t.Fatalf("radclient sent nothing: %v\n%s", err, out)
			}
			if got := fmt.Sprintf("%x", packet[20:n]); got != w.wire {
				t.Errorf("radclient sent %s, want %s\n%s", got, w.wire, out)
			}
		})
	}
}

// TestAliases: ALIAS of version 4 makes a further name, whichever way its path is written; that of a vendor's space makes none.
func TestAliases(t *testing.T) {
	t.Parallel()
	standard := mustSet(t, "ATTRIBUTE Service-Type 6 integer\nVENDOR Airespace 14179\nBEGIN-VENDOR Airespace\nATTRIBUTE Airespace-WLAN-Id 1 integer\nEND-VENDOR Airespace\n")
	doc, err := Lint("d", []byte(`VENDOR	Acme	32473
ALIAS	Early	Vendor-Specific.Acme.Level
BEGIN-VENDOR	Acme
ATTRIBUTE	Level	1	integer
ATTRIBUTE	Box	2	tlv
ATTRIBUTE	Box-Size	.7	octets[4]	secret
VALUE	Level-Again	High	9
END-VENDOR	Acme
ALIAS	Acme	Vendor-Specific.Acme
ALIAS	Acme-Number	26.32473
ALIAS	Level-Again	Vendor-Specific.Acme.Level
ALIAS	Size-Of-Box	26.32473.2.7
ALIAS	Size-Again	Vendor-Specific.Acme.Box.Box-Size
ALIAS	Airespace-Wlan-Number	26.14179.1
ALIAS	Wlan	Vendor-Specific.Airespace.WLAN-Id
ALIAS	Kind	Service-Type
ALIAS	Level	Level-Again
`), standard)
	if err != nil {
		t.Fatal(err)
	}
	stable(t, doc.Value, standard)
	c, err := Compile("d", doc.Value, standard)
	if err != nil {
		t.Fatal(err)
	}
	set := NewSet(c).Join(standard)
	for name, want := range map[string]string{
		"Early": "Attr-26.32473.1", "Level-Again": "Attr-26.32473.1", "Size-Of-Box": "Attr-26.32473.2.7", "Size-Again": "Attr-26.32473.2.7",
		"Airespace-Wlan-Number": "Attr-26.14179.1", "Wlan": "Attr-26.14179.1", "Kind": "Attr-6",
	} {
		a := set.ByName(name)
		if a == nil {
			t.Errorf("no %s", name)
			continue
		}
		if got := NumberName(a.Vendor, a.Parent, a.Number); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	if a := set.OfVendor(32473, 1); a == nil || a.Name != "Level" {
		t.Errorf("the number of Level finds %+v", a)
	}
	if a := set.ByName("Size-Of-Box"); a == nil || a.Length != 4 || !a.Hidden {
		t.Errorf("Size-Of-Box is %+v, not what Box-Size is", a)
	}
	if n, ok := set.ValueNumber(set.ByName("Level"), "High"); !ok || n != 9 {
		t.Error("a value by an alias is lost")
	}
	if set.ByName("Acme") != nil || set.ByName("Acme-Number") != nil {
		t.Error("the space of a vendor became an attribute")
	}
}

// TestLaterVersionsDictionaries: what came to FreeRADIUS after the version of Debian is shipped too.
func TestLaterVersionsDictionaries(t *testing.T) {
	t.Parallel()
	c := systemCatalog(t)
	for name, want := range map[string]string{
		"dictionary_alphion": "Alphion-MPSK-Passphrase Attr-26.8742.44 octets", "dictionary_calix": "Calix-CMS-User-Group Attr-26.6321.220 string",
		"dictionary_ckey": "CKey-Auth-Info Attr-26.61349.10 integer", "dictionary_eleven": "Eleven-EAPOL-STMAC Attr-26.52970.3.5 octets",
		"dictionary_huawei_v2": "Huawei-DHCP-Option-187 Attr-26.2011.187 octets", "dictionary_openwifi": "OpenWiFi-AP-MAC-Address Attr-26.58888.1 string",
		"dictionary_rtbrick":           "RtBrick-Policer-L4-Bytes-In Attr-26.50058.104 integer64",
		"dictionary_smartsharesystems": "SSS-Proxy-Location Attr-26.30585.4 string", "dictionary_tplink": "TPLink-Portal-Access-Status Attr-26.11863.9 integer",
	} {
		own, ok := c.Get(name)
		if !ok {
			t.Errorf("no %s", name)
			continue
		}
		attr, _, _ := strings.Cut(want, " ")
		a := NewSet(own).ByName(attr)
		if a == nil || a.Name+" "+NumberName(a.Vendor, a.Parent, a.Number)+" "+TypeName(a.Type) != want {
			t.Errorf("%s: %+v, want %s", name, a, want)
		}
		if name != "dictionary_huawei_v2" && c.Default().ByName(attr) == nil {
			t.Errorf("uploads can't refer to %s", attr)
		}
	}
}

// TestValuesOfNobody: values of an attribute that nobody defines do nothing, and a warning says so.
func TestValuesOfNobody(t *testing.T) {
	t.Parallel()
	const begin = "VENDOR V 9\nBEGIN-VENDOR V\nATTRIBUTE A 1 integer\nVALUE A one 1\n"
	for line, warnings := range map[string][]string{
		"VALUE Nope one 1":         {"Nope"},
		"VALUE-ALIAS A Nope":       {"Nope"},
		"VALUE-ALIAS Nope A":       {"Nope"},
		"VALUE-ALIAS Nope Neither": {"Nope", "Neither"},
		"VALUE A two 2":            nil,
	} {
		doc, err := Lint("d", []byte(begin+line+"\nEND-VENDOR V\n"), nil)
		if err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		var want []string
		for _, name := range warnings {
			want = append(want, "line 5 unknown no dictionary visible here defines the attribute "+name+": its values have no effect")
		}
		var got []string
		for _, w := range doc.Warnings {
			got = append(got, w.Path+" "+w.Rule+" "+w.Message)
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: warnings %q, want %q", line, got, want)
		}
	}
}

// TestShippedValuesAreOfNumbers: a value name stands for a number, so FreeRADIUS takes none of an attribute of text or addresses.
func TestShippedValuesAreOfNumbers(t *testing.T) {
	t.Parallel()
	c := systemCatalog(t)
	for _, name := range c.Names() {
		compiled, _ := c.Get(name)
		for _, v := range compiled.vals {
			a := NewSet(compiled).at(v.attr.Parent, vendorNumber(v.attr), v.attr.Number)
			if a != nil && !a.Type.IsInteger() && a.Type != aaa.TypeOctets {
				t.Errorf("%s: the value %s is of %s, which is of type %s", name, v.name, a.Name, TypeName(a.Type))
			}
		}
	}
}

// TestValueAliasesAreBounded: no text makes more values than a dictionary may have, however short it is.
func TestValueAliasesAreBounded(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("ATTRIBUTE A 1 integer\n")
	for i := range 1000 {
		fmt.Fprintf(&b, "VALUE A v%d %d\n", i, i)
	}
	for i := range 100 {
		fmt.Fprintf(&b, "ATTRIBUTE B%d %d integer\nVALUE-ALIAS B%d A\n", i, 300+i, i)
	}
	_, err := ParseText("d", []byte(b.String()), nil)
	if _, rule := firstFault(t, err); rule != "maxItems" {
		t.Errorf("%v", err)
	}
	lines := "ATTRIBUTE A 1 integer\nATTRIBUTE B 2 integer\n" + strings.Repeat("VALUE-ALIAS B A\n", maxValueAliases+1)
	if _, rule := firstFault(t, errOf(ParseText("d", []byte(lines), nil))); rule != "maxItems" {
		t.Errorf("%v", err)
	}
}

// TestOperatorWarnings: what FreeRADIUS takes of an operator's files, with the contradictions told by file and line.
func TestOperatorWarnings(t *testing.T) {
	t.Parallel()
	c, err := LoadSystem(writeFiles(t, map[string]string{
		"dictionary":      "\ufeff$INCLUDE dictionary.acme\n",
		"dictionary.acme": "\ufeffVENDOR Acme-Local 64000\nBEGIN-VENDOR Acme-Local\nATTRIBUTE Acme-Mode 1 integer # \xfc\n",
		"own.json":        "\ufeff" + `{"name":"own","value":[{"attr":{"vid":64001,"id":1,"type":"byte","name":"Own-Kind"}}]}`,
	}))
	if err != nil {
		t.Fatal(err)
	}
	if c.Default().ByName("Acme-Mode") == nil || c.Default().ByName("Own-Kind") == nil {
		t.Error("an attribute is lost")
	}
	if list := c.Warnings(); len(list) != 1 || !strings.Contains(list[0], "dictionary.acme: line 2: ") {
		t.Errorf("warnings %q", list)
	}
}
