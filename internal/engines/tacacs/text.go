package tacacs

import "strings"

// longer is a field's error where it does not fit into its length field.
func longer(field string, n, most int) error {
	if n <= most {
		return nil
	}
	if most == 255 {
		return &FieldError{field, "is over 255 octets"}
	}
	return &FieldError{field, "is over 65535 octets"}
}

// fits checks lengths in pairs: a field's name and its length, at most most octets.
func fits(most int, fields ...sized) error {
	for _, f := range fields {
		if err := longer(f.name, f.n, most); err != nil {
			return err
		}
	}
	return nil
}

type sized struct {
	name string
	n    int
}

// validIdentity checks the fields that all requests share.
func validIdentity(privLvl uint8, user, port, remAddr string) error {
	if privLvl > PrivMax {
		return &FieldError{"priv_lvl", "is over 15"}
	}
	if err := checkUser(user); err != nil {
		return err
	}
	if err := checkText("port", port); err != nil {
		return err
	}
	return checkText("rem_addr", remAddr)
}

// checkUser checks a user name: any text without control characters (RFC 8907 §3.7).
func checkUser(s string) error {
	if hasControl(s) {
		return &FieldError{"user", "has a control character"}
	}
	return nil
}

// checkText checks a field that is printable US-ASCII (§3.7).
func checkText(field, s string) error {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return &FieldError{field, "has a character other than printable US-ASCII"}
		}
	}
	return nil
}

func hasControl(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 })
}

// Argument is an argument of an authorization or accounting packet (§6.1).
type Argument struct {
	Name      string
	Value     string
	Mandatory bool // "=" between name and value; else "*"
}

// ParseArgument takes an argument apart at its first "=" or "*". It is false where there is
// no name or no separator.
func ParseArgument(s string) (Argument, bool) {
	at := strings.IndexAny(s, "=*")
	if at < 1 {
		return Argument{}, false
	}
	return Argument{Name: s[:at], Value: s[at+1:], Mandatory: s[at] == '='}, true
}

// String is the argument as packets carry it.
func (a Argument) String() string {
	if a.Mandatory {
		return a.Name + "=" + a.Value
	}
	return a.Name + "*" + a.Value
}

// maxArgs is how many arguments a packet has room for.
const maxArgs = 255

// appendArgLengths appends the lengths of arguments; the arguments themselves come later.
func appendArgLengths(dst []byte, args []string) []byte {
	for _, a := range args {
		dst = append(dst, byte(len(a)))
	}
	return dst
}

func appendArgs(dst []byte, args []string) []byte {
	for _, a := range args {
		dst = append(dst, a...)
	}
	return dst
}

func argsSize(args []string) int {
	n := len(args)
	for _, a := range args {
		n += len(a)
	}
	return n
}

func argsFit(args []string) error {
	if len(args) > maxArgs {
		return &FieldError{"arg_cnt", "is over 255"}
	}
	for _, a := range args {
		if err := longer("arg", len(a), 255); err != nil {
			return err
		}
	}
	return nil
}

func checkArgs(args []string) error {
	for _, a := range args {
		if _, ok := ParseArgument(a); !ok {
			return &FieldError{"arg", "is not a name, '=' or '*', and a value"}
		}
		if err := checkText("arg", a); err != nil {
			return err
		}
	}
	return nil
}

// cutArgs cuts text into arguments of the lengths given. Their sum is text's length.
func cutArgs(text string, lengths []byte) []string {
	if len(lengths) == 0 {
		return nil
	}
	args := make([]string, len(lengths))
	for i, n := range lengths {
		args[i], text = text[:n], text[n:]
	}
	return args
}

// sum adds octets up.
func sum(lengths []byte) (n int) {
	for _, l := range lengths {
		n += int(l)
	}
	return n
}

// keep copies octets; none stay nil, which is the same as not there (§4.1).
func keep(b []byte) Sensitive {
	if len(b) == 0 {
		return nil
	}
	return append(Sensitive(nil), b...)
}
