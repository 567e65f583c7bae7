package aaa

import "fmt"

// Op is the kind of an AAA request.
type Op uint8

// The operations of an AAA document.
const (
	Authn Op = iota
	Authz
	Accounting
	Custom
	NumOps = 4
)

var opNames = [NumOps]string{"authn", "authz", "accounting", "custom"}

func (o Op) String() string {
	if int(o) < len(opNames) {
		return opNames[o]
	}
	return fmt.Sprintf("op(%d)", uint8(o))
}

// MarshalText writes the name used in URLs and documents.
func (o Op) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// ParseOp accepts the four names exactly.
func ParseOp(s string) (Op, error) {
	for i, n := range opNames {
		if s == n {
			return Op(i), nil
		}
	}
	return 0, fmt.Errorf("%q is no operation: authn, authz, accounting or custom", s)
}

// Mode is a document's aaa_mode.
type Mode string

// The modes of a document. A missing document means ModeInherit.
const (
	ModeOff     Mode = "off"
	ModeOn      Mode = "on"
	ModeInherit Mode = "inherit"
)
