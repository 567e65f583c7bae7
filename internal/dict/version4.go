package dict

import "strings"

// What FreeRADIUS 4 has in its dictionaries and version 3 has not, so that a fault says which version a text is for.

var version4Keywords = map[string]bool{
	"BEGIN": true, "BEGIN-PROTOCOL": true, "DEFINE": true, "END": true, "END-PROTOCOL": true,
	"ENUM": true, "MEMBER": true, "PROTOCOL": true, "STRUCT": true,
}

var version4Types = map[string]bool{
	"attribute": true, "bit": true, "combo-ipv4prefix": true, "combo-ipv6prefix": true, "combo-ipprefix": true,
	"float32": true, "float64": true, "group": true, "int8": true, "int16": true, "int64": true,
	"size": true, "struct": true, "time_delta": true, "union": true, "vendor": true,
}

// version4Type reports a type of version 4, which may have a length: string[16].
func version4Type(typ string) bool {
	name, _, long := strings.Cut(typ, "[")
	_, _, known := TypeOf(name)
	return version4Types[name] || long && known && name != "octets"
}

// version4Flags are flags without what follows their "=".
var version4Flags = map[string]bool{
	"abinary": true, "clone": true, "counter": true, "dns_label": true, "enum": true, "extra": true, "flat": true,
	"key": true, "length": true, "long": true, "name_only": true, "offset": true, "precision": true, "prefix": true,
	"ref": true, "subtype": true, "unsafe": true,
}
