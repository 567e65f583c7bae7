package document

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"aaa-api/internal/aaa"
	"aaa-api/internal/schema"
	"aaa-api/internal/secmod"
)

// Draft is an AAA document on its way into the store. It is parsed once, by Load, and written twice: masked for
// the answer, sealed for the store.
//
//	d, err := Load(account, stored)  // nil: the account has no document
//	d.Patch(patch)                   // or Replace; neither: write the stored document again (roll back)
//	n, err := d.Size()               // hold it to the limits
//	next, err := d.Prepare(ctx, p)   // check, seal, warn
//	masked, err := d.Masked()        // answer
//
// A Draft shows each stored secret as aaa.Mask. Where a mask is still there in Prepare, the stored secret
// is kept. All else in a secret's place is a new secret. A Draft is for one goroutine. It never changes
// values that it is given, so a writer that lost a race may apply the same patch to another Draft.
type Draft struct {
	account aaa.AccountID
	find    func(body map[string]any) []Place // its secrets
	body    any                               // what the client wrote; an object once Prepare has validated it
	kept    map[string]string                 // the sealed secrets of the stored document, by purpose
	before  *Stances

	masked json.RawMessage // nil: not written yet
	size   int
}

// Format prints the account alone: a draft holds new secrets in the clear.
func (d *Draft) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "draft of account %s", d.account) }

// Load parses a stored document. A nil one gives an empty Draft, which Replace or Patch fills. Errors
// say nothing of the body.
func Load(account aaa.AccountID, stored json.RawMessage) (*Draft, error) {
	d := &Draft{account: account, find: Places}
	body, err := parseStored(stored)
	if err != nil {
		return nil, fmt.Errorf("account %s: %w", account, err)
	}
	if body != nil {
		d.before = stancesOf(body)
		d.load(body)
	}
	return d, nil
}

// load takes a stored document and masks its secrets.
func (d *Draft) load(body map[string]any) {
	d.kept = make(map[string]string)
	for _, p := range d.find(body) {
		if text, ok := p.Text(); ok {
			d.kept[p.Purpose] = text
		}
		p.Set(aaa.Mask)
	}
	d.body = body
}

// Replace puts value, which schema.Parse returned, in the document's place.
func (d *Draft) Replace(value any) { d.body, d.masked = copied(value), nil }

// Patch applies a merge patch (RFC 7396), which schema.Parse returned.
func (d *Draft) Patch(patch any) { d.body, d.masked = MergePatch(d.body, copied(patch)), nil }

// Size returns the octets of the document in JSON as a client writes it: new secrets in the clear, kept ones masked.
func (d *Draft) Size() (int, error) {
	err := d.mask()
	return d.size, err
}

// Masked returns the document as answers show it: aaa.Mask in place of every secret. The caller must not change it.
func (d *Draft) Masked() (json.RawMessage, error) {
	err := d.mask()
	return d.masked, err
}

// Before returns the stances of the stored document; nil if there is none or it can't be read.
func (d *Draft) Before() *Stances { return d.before }

// After returns the stances of the document as it stands; nil if it can't be read.
func (d *Draft) After() *Stances { return stancesOf(d.body) }

// mask writes the masked form once, and computes the size from it.
func (d *Draft) mask() error {
	if d.masked != nil {
		return nil
	}
	places := d.places()
	masks := make([]string, len(places))
	hidden := 0
	for i, p := range places {
		masks[i] = aaa.Mask
		text, err := aaa.PlainJSON(p.object[p.member])
		if err != nil {
			return err
		}
		hidden += len(text) - len(`"`+aaa.Mask+`"`)
	}
	masked, err := d.write(places, masks)
	if err != nil {
		return err
	}
	d.masked, d.size = masked, len(masked)+hidden
	return nil
}

func (d *Draft) places() []Place {
	body, _ := d.body.(map[string]any)
	return d.find(body)
}

// write encodes the document with texts in place of its secrets, which it leaves as they are.
func (d *Draft) write(places []Place, texts []string) (json.RawMessage, error) {
	for i, p := range places {
		secret := p.object[p.member]
		p.Set(texts[i])
		defer func() { p.object[p.member] = secret }()
	}
	return aaa.PlainJSON(d.body)
}

// Prepare checks the draft and seals its new secrets. It leaves the draft as it is.
//
// Errors of form come all at once and, if there are none, all errors of content (names that clash or are missing,
// regexps, addresses …), as one *aaa.Error of KindBadInput. Errors of p's catalog and vault are returned unchanged.
func (d *Draft) Prepare(ctx context.Context, p *Preparer) (*Prepared, error) {
	form := schema.AAA
	if d.account == aaa.SystemConfig {
		form = schema.SystemAAA
	}
	if faults := schema.Validate(form, d.body); faults != nil {
		return nil, aaa.Invalid(faults...)
	}
	doc, err := typedOf(d.body)
	if err != nil {
		return nil, fmt.Errorf("the schema accepts what does not decode: %w", err)
	}
	c := check{ctx: ctx, account: d.account, doc: doc, prepare: p}
	if err := c.run(); err != nil {
		return nil, err
	}
	places := d.places()
	sealed, faults, err := d.keep(ctx, p.vault, places)
	if err != nil {
		return nil, err
	}
	if faults = append(c.faults, faults...); len(faults) > 0 {
		return nil, aaa.Invalid(schema.Bounded(faults)...)
	}
	if err := d.seal(ctx, p.vault, places, sealed); err != nil {
		return nil, err
	}
	out := &Prepared{Uses: c.uses}
	if out.Warnings, err = c.warnings(); err != nil {
		return nil, err
	}
	out.Body, err = d.write(places, sealed)
	return out, err
}

// seal fills in the sealed texts of new secrets.
func (d *Draft) seal(ctx context.Context, vault secmod.SealOpener, places []Place, sealed []string) (err error) {
	for i, place := range places {
		if sealed[i] != "" {
			continue
		}
		clear, _ := place.Text()
		if sealed[i], err = vault.Seal(ctx, d.account, place.Purpose, clear); err != nil {
			return fmt.Errorf("seal %s: %w", place.Purpose, err)
		}
	}
	return nil
}

// keep returns the sealed text of each place that has a mask, and an empty one for each new secret. A mask
// without a stored secret and a stored secret that no key opens are faults.
func (d *Draft) keep(ctx context.Context, vault secmod.SealOpener, places []Place) (sealed []string, faults []aaa.Field, err error) {
	sealed = make([]string, len(places))
	for i, p := range places {
		if text, _ := p.Text(); text != aaa.Mask {
			continue
		}
		text, ok := d.kept[p.Purpose]
		if !ok {
			faults = append(faults, aaa.Field{
				Path: p.Path, Rule: "secret",
				Message: aaa.Mask + " keeps a secret that is stored under the same name, and none is: write the secret itself",
			})
			continue
		}
		switch _, err := vault.Open(ctx, d.account, p.Purpose, text); {
		case errors.Is(err, secmod.ErrSealed):
			faults = append(faults, aaa.Field{
				Path: p.Path, Rule: "secret",
				Message: "the stored secret can't be opened any more, since the key that sealed it is gone: write the secret itself",
			})
		case err != nil:
			return nil, nil, fmt.Errorf("open %s: %w", p.Purpose, err)
		}
		sealed[i] = text
	}
	return sealed, faults, nil
}

// copied copies the objects and arrays of a document.
func copied(v any) any {
	switch v := v.(type) {
	case map[string]any:
		m := make(map[string]any, len(v))
		for name, e := range v {
			m[name] = copied(e)
		}
		return m
	case []any:
		a := make([]any, len(v))
		for i := range v {
			a[i] = copied(v[i])
		}
		return a
	default:
		return v
	}
}
