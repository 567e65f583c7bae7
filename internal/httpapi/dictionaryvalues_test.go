package httpapi

import (
	"fmt"
	"testing"

	"aaa-api/internal/web"
)

// A value of an attribute of the parent's dictionary is the same in JSON as in text.
func TestJSONValuesOfOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.upload("PUT", at(w.tenant, "/aaa/dictionary")+"?name=acme", acmeText+"ATTRIBUTE	Plain	200	integer\n").want(201)
	own := at(w.child, "/aaa/dictionary")
	text := w.upload("PUT", own+"?name=text", "BEGIN-VENDOR Acme\nVALUE Acme-Level Gold 9\nEND-VENDOR Acme\nVALUE Plain One 1\n").want(201)
	json := w.call(w.tenantToken, "PUT", own, data(`{"name":"json","value":[
		{"val":{"vid":99999,"attr":"Acme-Level","val":9,"name":"Gold"}},{"val":{"attr":"Plain","val":1,"name":"One"}}]}`)).want(201)
	if want, got := fmt.Sprint(text.at("data", "value")), fmt.Sprint(json.at("data", "value")); got != want || json.at("data", "value", "0", "val", "id") != 1.0 {
		t.Errorf("JSON is stored as %s, text as %s", got, want)
	}
	if r := w.call(w.tenantToken, "PUT", own, data(`{"name":"x","value":[{"val":{"attr":"Nobody","val":1,"name":"One"}}]}`)).refused(400, web.SlugInvalid); r.at("data", "value.0.val.attr", "unknown") == nil {
		t.Errorf("%s", r.text)
	}
}

// What an upload replaces is not there to name attributes by: neither does it hide another's, nor are its own left over.
func TestNamesOfThePredecessor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.upload("PUT", at(w.child, "/aaa/dictionary")+"?name=mine", "ATTRIBUTE Framed-Protocol 201 integer\nATTRIBUTE Own 202 integer\n").want(201)
	mine := at(w.child, "/aaa/dictionary/mine")
	for form, replace := range map[string]func(attr string) reply{
		"JSON": func(attr string) reply {
			return w.call(w.tenantToken, "POST", mine, data(`{"name":"mine","value":[{"val":{"attr":"`+attr+`","val":77,"name":"S"}}]}`))
		},
		"text": func(attr string) reply { return w.upload("POST", mine, "VALUE "+attr+" S 77\n") },
	} {
		replace("Own").refused(400, web.SlugInvalid)
		if id := replace("Framed-Protocol").want(200).at("data", "value", "0", "val", "id"); id != 7.0 && id != nil {
			t.Errorf("%s: a value of number %v", form, id)
		}
		w.upload("POST", mine, "ATTRIBUTE Framed-Protocol 201 integer\nATTRIBUTE Own 202 integer\n").want(200)
	}
}
