package main

import "github.com/gorilla/websocket"

// echo returns each message, as the echo example does; with pings beside it, from the chat example.
func echo(connection *websocket.Conn) {
	defer connection.Close()
	expectPongs(connection)
	if pingInterval > 0 {
		ended := make(chan struct{})
		defer close(ended)
		go keepPinging(connection, ended)
	}
	for {
		kind, message, err := connection.ReadMessage()
		if err != nil || connection.WriteMessage(kind, message) != nil {
			return
		}
	}
}

func keepPinging(connection *websocket.Conn, ended <-chan struct{}) {
	due, stop := pings()
	defer stop()
	for {
		select {
		case <-ended:
			return
		case <-due:
			if ping(connection) != nil {
				return
			}
		}
	}
}
