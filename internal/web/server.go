package web

import (
	"net/http"
	"time"
)

// NewHTTPServer makes a server with limits for what strangers may do to it. The time to
// write an answer is above the longest deadline of an AAA request.
func NewHTTPServer(addr string, h http.Handler) *http.Server {
	return &http.Server{
		Addr:              addr,
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       60 * time.Second,
		WriteTimeout:      120 * time.Second,
		IdleTimeout:       120 * time.Second,
		MaxHeaderBytes:    32 << 10,
		ConnState:         noteState,
	}
}
