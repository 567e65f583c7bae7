package translate

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"aaa-api/internal/aaa"
)

// unfit is the error of a value that its attribute does not take. The dictionary's errors don't hold
// the value, but begin with the attribute.
func (o *outgoing) unfit(i, j int, err error, text string) error {
	return o.bad(i, j, "encode", strings.TrimPrefix(err.Error(), o.b.slots[i].attr.Name+": "), text)
}

// bad makes the error of one value. text is shown unless it belongs to a secret.
func (o *outgoing) bad(i, j int, rule, message, text string) error {
	f := aaa.Field{
		Path: o.b.prog.rules[i].path(j), Rule: rule,
		Message: o.b.prog.inRule(i, message),
	}
	if text != "" && !o.b.slots[i].mask {
		f.Value = printable(text)
	}
	return aaa.Invalid(f)
}

// path is where a value of the rule's key stands in a request: element j of an array, or -1.
func (r *rule) path(j int) string {
	if j < 0 {
		return r.key
	}
	return r.key + "." + strconv.Itoa(j)
}

// inRule says of which rule a message is.
func (p *Program) inRule(i int, message string) string {
	return fmt.Sprintf("rule %s.%d, attribute %s: %s", p.section, i, p.rules[i].attribute, message)
}

// InKeys gives faults that an engine found the paths by which callers know them: an engine names attributes
// (User-Password), a caller the keys that it sent. Of several rules for an attribute the first counts
// whose key values holds. Other errors, and attributes that nobody sent, stay as they are.
func (b *Binding) InKeys(err error, values map[string]any) error {
	var e *aaa.Error
	if !errors.As(err, &e) || e.Kind != aaa.KindBadInput {
		return err
	}
	told := *e
	told.Fields, told.Err = slices.Clone(e.Fields), e
	for j := range told.Fields {
		f := &told.Fields[j]
		for i, r := range b.prog.rules {
			_, sent := values[r.key]
			if s := &b.slots[i]; sent && s.attr != nil && strings.EqualFold(s.attr.Name, f.Path) {
				f.Path, f.Message = r.key, b.prog.inRule(i, f.Message)
				break
			}
		}
	}
	return &told
}
