// Package crossing turns what a network device says in one protocol into what a server of the other one understands, and the answer
// back. It also makes the values by which tables, bans and users files read a device's request.
//
// All of it is functions of plain data. Lines is the table of what becomes of what; docs/devices.md shows it, and a test holds the two together.
package crossing
