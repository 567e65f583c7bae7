package translate

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"aaa-api/internal/aaa"
)

// Bounds of one request.
const (
	// MaxElements is the longest array of one key.
	MaxElements = 256
	// MaxValueLength is the longest text of one value in octets.
	MaxValueLength = 16 << 10
	// MaxAVPs is the most AVPs of one request: more don't fit into any packet.
	MaxAVPs = 1400
)

// Out appends the AVPs of a request for one server to dst, in rule order.
//
// Absent keys give nothing, nor do values that don't match, unless the request would be
// another one without them (see whole). Such a value, and one that can't be
// put into its attribute, is an *aaa.Error of KindBadInput whose path is the
// request key (with the element's index after a dot where the value is an
// array) and whose message names the rule and the attribute; dst is then given
// back as it was. So is a rule that costs more than the budget has left, whose message names the limit. Other errors are
// ctx's, and an *aaa.Error of KindBusy where too much of the account waits for the processor. budget and tr may be nil.
func (b *Binding) Out(ctx context.Context, dst []aaa.AVP, values map[string]any, budget *Budget, tr *Tracer) ([]aaa.AVP, error) {
	o := outgoing{b: b, dst: dst, tr: tr, spender: spender{ctx: ctx, budget: budget}}
	defer o.end()
	for i, r := range b.prog.rules {
		if err := o.spend(1); err != nil {
			return dst, b.prog.refusal(i, -1, budget, err)
		}
		value, ok := values[r.key]
		if !ok {
			tr.rule(aaa.TraceRule{Direction: "out", Index: i, Key: r.key, Attribute: r.attribute, Note: "key absent"})
			continue
		}
		list, ok := value.([]any)
		o.several = len(list) > 1
		if !ok {
			if err := o.one(i, -1, value); err != nil {
				return dst, err
			}
			continue
		}
		if len(list) > MaxElements {
			return dst, o.bad(i, -1, "maxItems", fmt.Sprintf("the array has more than %d elements", MaxElements), "")
		}
		if len(list) == 0 {
			o.lose(i, -1, lostNothing)
		}
		if b.slots[i].packs {
			if err := o.pack(i, list); err != nil {
				return dst, err
			}
			continue
		}
		for j, element := range list {
			if err := o.one(i, j, element); err != nil {
				return dst, err
			}
		}
	}
	if err := o.whole(values); err != nil {
		return dst, err
	}
	if err := o.read(values); err != nil {
		return dst, err
	}
	return o.dst, nil
}

// outgoing is the work of one Out.
type outgoing struct {
	b     *Binding
	dst   []aaa.AVP
	arena []byte // the octets of values; all of one call share it
	tr    *Tracer
	added int
	spender

	several bool                         // the value at hand is an array of several elements
	sent    [(MaxRules + 63) / 64]uint64 // the rules that sent something
	lost    []loss
}

// sent is the part of a value that a rule sends.
type sent struct {
	text    string
	element bool // of an array whose elements go into one attribute: a comma separates nothing
	number  bool // a number, which names no value even where a dictionary names one by its digits
}

// one puts one value (element j of an array, -1 for a plain value) through rule i.
func (o *outgoing) one(i, j int, value any) error {
	part, ok, err := o.take(i, j, value)
	if !ok {
		return err
	}
	r, s := o.b.prog.rules[i], &o.b.slots[i]
	avp := aaa.AVP{Attr: s.attr, Tag: s.tag.Number, Optional: s.optional}
	if err := o.encode(&avp, r, s, part); err != nil {
		return o.unfit(i, j, err, part.text)
	}
	if len(avp.Value) == 0 && !mayBeEmpty(s.attr) { // 0x
		o.trace(i, "", "empty value")
		o.lose(i, j, lostEmpty)
		return nil
	}
	if err := o.add(i, j, &avp); err != nil {
		return err
	}
	o.trace(i, part.text, "matched")
	return nil
}

// pack puts the elements of an array through rule i into the value of one attribute.
func (o *outgoing) pack(i int, list []any) error {
	r, s := o.b.prog.rules[i], &o.b.slots[i]
	avp := aaa.AVP{Attr: s.attr, Tag: s.tag.Number}
	for j, element := range list {
		part, ok, err := o.take(i, j, element)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		part.element = true
		if avp.Value, err = o.appendValue(avp.Value, r, s, part); err != nil {
			return o.unfit(i, j, err, part.text)
		}
		o.trace(i, part.text, "matched")
	}
	if len(avp.Value) == 0 {
		return nil
	}
	if most := o.b.set.MaxLen(s.attr); len(avp.Value) > most {
		return o.bad(i, -1, "encode", fmt.Sprintf("the values are too long together: %d octets, at most %d fit", len(avp.Value), most), "")
	}
	return o.add(i, -1, &avp)
}

// take is the part of a value that rule i sends; false where it sends none of it.
func (o *outgoing) take(i, j int, value any) (part sent, ok bool, err error) {
	r, s := o.b.prog.rules[i], &o.b.slots[i]
	text, ok := valueText(value)
	if !ok {
		return sent{}, false, o.bad(i, j, "type", "the value is neither a string nor a number nor a boolean", "")
	}
	if len(text) > MaxValueLength {
		return sent{}, false, o.bad(i, j, "maxLength", fmt.Sprintf("the value is longer than %d octets", MaxValueLength), "")
	}
	whole := text
	found, err := o.match(r.out, whole)
	if err != nil {
		return sent{}, false, o.b.prog.refusal(i, j, o.budget, err)
	}
	if text, ok = found.part, found.ok; !ok {
		o.trace(i, "", "no match")
		o.lose(i, j, lostMatch)
		return sent{}, false, nil
	}
	if r.toInteger {
		decimal, ok := decimalText(text)
		if !ok {
			return sent{}, false, o.bad(i, j, aaa.StringToInteger, "the value is not a decimal integer", text)
		}
		text = decimal
	}
	if s.attr == nil {
		o.trace(i, text, "dropped")
		o.tr.dropped(r.attribute, s.reason)
		o.lose(i, j, lostDropped)
		return sent{}, false, nil
	}
	if text == "" && !mayBeEmpty(s.attr) {
		o.trace(i, "", "empty value")
		o.lose(i, j, lostEmpty)
		return sent{}, false, nil
	}
	return sent{text: text, number: r.toInteger || text == whole && isNumber(value, s.attr)}, true, nil
}

// add appends an AVP, or puts its value behind that of the stream it is a part of.
func (o *outgoing) add(i, j int, avp *aaa.AVP) error {
	if avp.Attr.Stream() {
		if bytes.IndexByte(avp.Value, 0) >= 0 {
			return o.bad(i, j, "encode", "a zero octet ends a text of this attribute: give several texts as an array", "")
		}
		for n := len(o.dst) - 1; n >= len(o.dst)-o.added; n-- {
			stream := &o.dst[n]
			if !sameAttribute(stream.Attr, avp.Attr) {
				continue
			}
			if total, most := len(stream.Value)+1+len(avp.Value), o.b.set.MaxLen(avp.Attr); total > most {
				return o.bad(i, j, "encode", fmt.Sprintf("the values are too long together: %d octets, at most %d fit", total, most), "")
			}
			stream.Value = append(append(stream.Value, 0), avp.Value...)
			o.sent[i/64] |= 1 << (i % 64)
			return nil
		}
	}
	if o.b.slots[i].single && o.sentBy(i) {
		return o.bad(i, j, "maxItems", "a request has one value of this attribute", "")
	}
	if o.added++; o.added > MaxAVPs {
		return o.bad(i, j, "maxItems", fmt.Sprintf("the request makes more than %d attributes", MaxAVPs), "")
	}
	if o.dst == nil {
		o.dst = make([]aaa.AVP, 0, len(o.b.prog.rules))
	}
	o.dst = append(o.dst, *avp)
	o.sent[i/64] |= 1 << (i % 64)
	return nil
}

var errPassword = errors.New("the password is longer than 256 characters")

// encode puts a text's octets into the arena and the AVP.
func (o *outgoing) encode(avp *aaa.AVP, r *rule, s *slot, part sent) error {
	if s.hash > 0 {
		if raw, ok := rawHash(part.text, int(s.hash)); ok {
			avp.Value = raw
			return nil
		}
		if len(part.text) > maxPassword {
			return errPassword
		}
		avp.Clear = true
	}
	if need := len(part.text) + 20; cap(o.arena)-len(o.arena) < need {
		o.arena = make([]byte, 0, max(need, 32*min(len(o.b.prog.rules), 64)))
	}
	arena, err := o.appendValue(o.arena, r, s, part)
	if err != nil {
		return err
	}
	avp.Value = arena[len(o.arena):len(arena):len(arena)]
	o.arena = arena
	return nil
}

func (o *outgoing) appendValue(dst []byte, r *rule, s *slot, part sent) ([]byte, error) {
	if s.hash > 0 {
		return append(dst, part.text...), nil
	}
	if r.toInteger {
		if n, err := strconv.ParseInt(part.text, 10, 64); err == nil {
			return o.b.set.AppendInt(dst, s.attr, n)
		}
		// Beyond 63 bits: integer64 takes it as text, all other types report the overflow.
	}
	switch {
	case part.number:
		return o.b.set.AppendNumber(dst, s.attr, part.text)
	case part.element:
		return o.b.set.AppendOne(dst, s.attr, part.text)
	}
	return o.b.set.Append(dst, s.attr, part.text)
}

func (o *outgoing) trace(i int, text, note string) {
	if o.tr == nil {
		return
	}
	r, s := o.b.prog.rules[i], &o.b.slots[i]
	o.tr.rule(aaa.TraceRule{Direction: "out", Index: i, Key: r.key, Attribute: r.attribute, Value: shown(text, s.mask), Note: note})
}

// eapMessage is the attribute that is empty in an EAP-Start (RFC 3579 §2.1).
const eapMessage = 79

// mayBeEmpty tells a password, which is padded on the wire, EAP-Message and all of
// TACACS+ (cmd= is the shell itself, RFC 8907 §8.2) from values of length zero,
// which must not be sent (RFC 2865 §5).
func mayBeEmpty(a *aaa.Attribute) bool {
	return a.OfTACACS() || a.Enc != aaa.EncNone || hashOctets(a) > 0 || a.Vendor == nil && a.Parent == nil && a.Number == eapMessage
}

// valueText is a request value as text; false for what no value may be.
func valueText(value any) (string, bool) {
	switch v := value.(type) {
	case string:
		return v, true
	case json.Number:
		return string(v), true
	case bool:
		if v {
			return "true", true
		}
		return "false", true
	}
	return "", false
}

// isNumber reports whether a request's value is a number to its attribute. A string never is, whatever its digits.
func isNumber(value any, a *aaa.Attribute) bool {
	switch value.(type) {
	case json.Number:
		return true
	case bool:
		return a.Type == aaa.TypeBool
	}
	return false
}

// decimalText checks for an optional minus sign and decimal digits, and gives
// the shortest form of the number: 007 is 7.
func decimalText(text string) (string, bool) {
	digits := strings.TrimPrefix(text, "-")
	if digits == "" {
		return "", false
	}
	for i := 0; i < len(digits); i++ {
		if digits[i] < '0' || digits[i] > '9' {
			return "", false
		}
	}
	switch short := strings.TrimLeft(digits, "0"); {
	case short == digits:
		return text, true
	case short == "":
		return "0", true
	case len(digits) < len(text):
		return "-" + short, true
	default:
		return short, true
	}
}

// rawHash decodes 0x and exactly the hexadecimal digits of size octets.
func rawHash(text string, size int) ([]byte, bool) {
	if len(text) != 2+2*size || text[0] != '0' || text[1] != 'x' && text[1] != 'X' {
		return nil, false
	}
	raw, err := hex.DecodeString(text[2:])
	return raw, err == nil
}
