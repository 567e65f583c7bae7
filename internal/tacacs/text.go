package tacacs

import "strings"

// longer returns the error of a field that does not fit into its length field.
func longer(field string, n, most int) error {
	if n <= most {
		return nil
	}
	if most == 255 {
		return &FieldError{field, "is over 255 octets"}
	}
	return &FieldError{field, "is over 65535 octets"}
}

// fits checks that no field is over most octets.
func fits(most int, fields ...sized) error {
	for _, f := range fields {
		if err := longer(f.name, f.n, most); err != nil {
			return err
		}
	}
	return nil
}

// sized is the name and the length of a field.
type sized struct {
	name string
	n    int
}

// together checks that a body of n octets, all of whose fields fit, is not over MaxBody.
func together(n int) error {
	if n > MaxBody {
		return errBodySize
	}
	return nil
}

// bounds checks that a body has its fixed part and is not over MaxBody.
func bounds(b []byte, fixed int) error {
	switch {
	case len(b) < fixed:
		return FaultShort
	case len(b) > MaxBody:
		return FaultTooLong
	}
	return nil
}

// replyFits checks the lengths that all replies share; size is the whole body's.
func replyFits(size int, msg string, data Sensitive) error {
	if err := fits(65535, sized{"server_msg", len(msg)}, sized{"data", len(data)}); err != nil {
		return err
	}
	return together(size)
}

// errUnknownStatus is the error of a reply whose status does not exist.
var errUnknownStatus = &FieldError{"status", "does not exist"}

// validIdentity checks the fields that all requests share.
func validIdentity(privLvl uint8, user, port, remAddr string) error {
	if privLvl > PrivMax {
		return &FieldError{"priv_lvl", "is over 15"}
	}
	if err := CheckUser(user); err != nil {
		return err
	}
	if err := CheckText("port", port); err != nil {
		return err
	}
	return CheckText("rem_addr", remAddr)
}

// CheckUser checks a user name, which is any text without control characters (RFC 8907 §3.7).
func CheckUser(s string) error {
	if hasControl(s) {
		return &FieldError{"user", "has a control character"}
	}
	return nil
}

// CheckText checks a field that is printable US-ASCII (§3.7).
func CheckText(field, s string) error {
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

// ParseArgument splits an argument at its first "=" or "*". ok is false if the name or the
// separator is missing.
func ParseArgument(s string) (a Argument, ok bool) {
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

// maxArgs is the number of arguments that a packet has room for.
const maxArgs = 255

// appendArgLengths appends the lengths of arguments; appendArgs appends the arguments, later in the body.
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
		if err := CheckText("arg", a); err != nil {
			return err
		}
	}
	return nil
}

// cutArgs cuts text into arguments of these lengths, which add up to the text's length.
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

// sum returns the sum of lengths.
func sum(lengths []byte) (n int) {
	for _, l := range lengths {
		n += int(l)
	}
	return n
}

// keep copies octets. No octets become nil: an empty field is an absent one (§4.1).
func keep(b []byte) Sensitive {
	if len(b) == 0 {
		return nil
	}
	return append(Sensitive(nil), b...)
}
