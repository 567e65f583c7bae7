// Package migrations embeds the goose migrations of both store drivers.
package migrations

import "embed"

// Files holds postgres/*.sql and sqlite/*.sql.
//
//go:embed postgres/*.sql sqlite/*.sql
var Files embed.FS
