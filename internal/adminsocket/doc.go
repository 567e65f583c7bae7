// Package adminsocket is the socket in the data folder by which operators of this machine reach a running node: aaa-api ctl.
//
// Main listens. Each connection is checked: only root and the user that main runs as are let in, by the credentials that the kernel has of
// them, and the file is closed to all others. Then the node says hello with its version, and the connection is a line. Main serves what it
// knows itself (Main); everything else it hands on to the security module.
package adminsocket
