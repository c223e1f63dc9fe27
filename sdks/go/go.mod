// Programs name this module in a replace line until it has a home of its own: see README.md.
module msgbus.test/go

go 1.23.0

require (
	google.golang.org/grpc v1.72.2
	google.golang.org/protobuf v1.36.6
)
