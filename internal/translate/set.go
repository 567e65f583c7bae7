package translate

import "aaa-api/internal/aaa"

// Set is what rules need of a server's dictionaries; *dict.Set is one.
type Set interface {
	// Lookup finds an attribute by name, with the tag that the name may carry (Tunnel-Type:1).
	// With byNumber, names such as Attr-26.2636.5 are understood, too.
	Lookup(name string, byNumber bool) (attr *aaa.Attribute, tag uint8, ok bool)
	// Encode makes the wire octets of a value's text.
	Encode(a *aaa.Attribute, text string) ([]byte, error)
	// Text is a value's printed form: the name of the value where it has one.
	Text(a *aaa.Attribute, value []byte) string
	// IntText is the decimal form of a value of an integer type.
	IntText(a *aaa.Attribute, value []byte) (string, bool)
	// JSON is a value as answers show it.
	JSON(a *aaa.Attribute, value []byte) any
}
