// Package translate compiles the rules of a document's translation sections and
// runs them in both directions.
//
// Out, a caller's key becomes attributes: for every rule in order whose key the
// request holds, the rule's regexp is matched on the value and the group named
// "value", or else group 1, becomes one AVP. Several rules may feed one
// attribute and one key several attributes; an array gives one AVP an element, or
// where the dictionary says that the attribute is an array of fixed-size values, one of all of them.
// What does not match is left out, and so is a group that took no part in the
// match or an empty text (RFC 2865 §5: text of length zero is not sent); the
// trace says so. Only a password, an EAP-Message and what goes to a TACACS+ server may be empty.
//
// Back, the reply's attributes become keys in the same way; several values
// become an array. Attributes that no rule took stay available by name.
//
// A [Program] is a section compiled once per document, a [Binding] is a Program
// with its attribute names looked up in one server's dictionaries. Both are
// immutable. Equal rules and equal regexps are shared by all documents in
// memory, and forgotten when the last document that holds them is.
package translate
