"""LocalStack on loopback alone: of the address it is told to listen on, its server heeds only the port."""

import functools

from twisted.internet import endpoints

endpoints.TCP4ServerEndpoint = functools.partial(endpoints.TCP4ServerEndpoint, interface="127.0.0.1")

from localstack.runtime.main import main

main()
