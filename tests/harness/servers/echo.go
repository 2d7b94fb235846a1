// A WebSocket server that nobody here wrote: gorilla's package. What each path does stands in echo.js.
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/gorilla/websocket"
)

const (
	messageBytesMax = 16 << 20
	lateMessagesMax = 1024
	closeTimeout    = 10 * time.Second
)

var upgrader = websocket.Upgrader{
	Subprotocols: []string{"chat.v1"},
	CheckOrigin:  func(*http.Request) bool { return true },
}

// What each path does with a connection that is open; it is closed when this returns.
var behaviours = map[string]func(*websocket.Conn, int, *http.Request){
	"echo": func(connection *websocket.Conn, _ int, _ *http.Request) { echo(connection) },
	"push": func(connection *websocket.Conn, _ int, _ *http.Request) {
		for number := 1; number <= 3; number++ {
			connection.WriteMessage(websocket.TextMessage, []byte(fmt.Sprintf("push %d", number)))
		}
		echo(connection)
	},
	"close": func(connection *websocket.Conn, code int, _ *http.Request) {
		if _, _, err := connection.ReadMessage(); err != nil {
			return
		}
		goodbye := websocket.FormatCloseMessage(code, "told to")
		connection.WriteControl(websocket.CloseMessage, goodbye, time.Now().Add(closeTimeout))
		connection.SetReadDeadline(time.Now().Add(closeTimeout))
		mute(connection)
	},
	"late": late,
	"mute": func(connection *websocket.Conn, _ int, _ *http.Request) { mute(connection) },
	// The library answers pings only while it is asked to read.
	"deaf": func(*websocket.Conn, int, *http.Request) { select {} },
	"headers": func(connection *websocket.Conn, _ int, request *http.Request) {
		headers := map[string]string{"host": request.Host}
		for name, values := range request.Header {
			headers[strings.ToLower(name)] = strings.Join(values, ", ")
		}
		connection.WriteJSON(headers)
		echo(connection)
	},
}

func echo(connection *websocket.Conn) {
	for {
		kind, message, err := connection.ReadMessage()
		if err != nil || connection.WriteMessage(kind, message) != nil {
			return
		}
	}
}

func mute(connection *websocket.Conn) {
	for {
		if _, _, err := connection.ReadMessage(); err != nil {
			return
		}
	}
}

func late(connection *websocket.Conn, milliseconds int, _ *http.Request) {
	type message struct {
		due  time.Time
		kind int
		data []byte
	}
	waiting := make(chan message, lateMessagesMax)
	defer close(waiting)
	go func() {
		for message := range waiting {
			time.Sleep(time.Until(message.due))
			connection.WriteMessage(message.kind, message.data)
		}
	}()
	for {
		kind, data, err := connection.ReadMessage()
		if err != nil {
			return
		}
		waiting <- message{time.Now().Add(time.Duration(milliseconds) * time.Millisecond), kind, data}
	}
}

func refuse(response http.ResponseWriter, status int) {
	if status == http.StatusServiceUnavailable {
		response.Header().Set("Retry-After", "7")
	}
	response.Header().Set("Connection", "close")
	response.WriteHeader(status)
	io.WriteString(response, "refused")
}

func serve(response http.ResponseWriter, request *http.Request) {
	_, path, _ := strings.Cut(request.URL.Path, "/")
	name, text, _ := strings.Cut(path, "/")
	argument, _ := strconv.Atoi(text)
	behave, known := behaviours[name]
	switch {
	case name == "refuse":
		refuse(response, argument)
	case !known:
		refuse(response, http.StatusNotFound)
	default:
		connection, err := upgrader.Upgrade(response, request, nil)
		if err != nil {
			return // It has answered.
		}
		defer connection.Close()
		connection.SetReadLimit(messageBytesMax)
		behave(connection, argument, request)
	}
}

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	go http.Serve(listener, http.HandlerFunc(serve))
	io.Copy(io.Discard, os.Stdin)
}
