// The peer made with gorilla's package: what its echo example and its chat example do.
//
// Three things differ from the chat example. Each message stays a frame of its own, where the example joins those that
// are queued with newlines, which is less work and not what was said. Messages may be longer than 512 bytes, and keep
// their kind. There is a hub for each room, made when the first member comes, and it stays.
package main

import (
	"flag"
	"log"
	"net/http"
	"runtime"
	"strings"
	"time"

	"github.com/gorilla/websocket"
)

const (
	messageBytesMax = 1 << 20
	writeTimeout    = 10 * time.Second
)

// The buffers of the chat example.
var upgrader = websocket.Upgrader{ReadBufferSize: 1024, WriteBufferSize: 1024}

// pingInterval is the time between two pings to the same connection; none when it is 0.
var pingInterval time.Duration

func main() {
	listen := flag.String("listen", "", "`127.0.0.1:PORT` to listen on")
	seconds := flag.Float64("ping-interval", 0, "`seconds` between two pings to the same connection; 0: none")
	flag.Parse()
	pingInterval = time.Duration(*seconds * float64(time.Second))
	// One thread for Go code, as all servers here have. The limit of open files is raised by Go itself.
	runtime.GOMAXPROCS(1)

	rooms := newRooms()
	http.HandleFunc("/ws/echo", func(response http.ResponseWriter, request *http.Request) {
		if connection, err := upgrader.Upgrade(response, request, nil); err == nil {
			echo(connection)
		} // Else it has answered.
	})
	http.HandleFunc("/ws/rooms/", func(response http.ResponseWriter, request *http.Request) {
		name := strings.TrimPrefix(request.URL.Path, "/ws/rooms/")
		if connection, err := upgrader.Upgrade(response, request, nil); err == nil {
			join(rooms.hub(name), connection)
		}
	})
	log.Fatal(http.ListenAndServe(*listen, nil))
}

// expectPongs ends reading when no pong has come for longer than there should be a ping.
func expectPongs(connection *websocket.Conn) {
	connection.SetReadLimit(messageBytesMax)
	if pingInterval == 0 {
		return
	}
	extend := func(string) error { return connection.SetReadDeadline(time.Now().Add(pingInterval * 10 / 9)) }
	extend("")
	connection.SetPongHandler(extend)
}

// pings is the clock of one connection's pings; it never ticks when there are none.
func pings() (<-chan time.Time, func()) {
	if pingInterval == 0 {
		return nil, func() {}
	}
	ticker := time.NewTicker(pingInterval)
	return ticker.C, ticker.Stop
}

func ping(connection *websocket.Conn) error {
	return connection.WriteControl(websocket.PingMessage, nil, time.Now().Add(writeTimeout))
}
