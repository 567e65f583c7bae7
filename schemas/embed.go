// Package schemas embeds the JSON Schemas (draft 2020-12) of what the API takes.
// Besides the standard keywords they use "x-message", the text of an error of
// "pattern", and two that mark values which no error may repeat: "writeOnly", and
// "x-unrepeated" for what readers see but may hold a secret.
package schemas

import "embed"

// Files holds the schemas under their file names. They refer to each other by file name.
//
//go:embed *.json
var Files embed.FS
