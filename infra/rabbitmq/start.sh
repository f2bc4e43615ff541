# Starts RabbitMQ in a container of its image with what is mounted at /run/quarterhour: enabled_plugins, partners.conf, and
# tls/ with ca.pem, server.pem and server.key. The key may be readable by its owner alone, and the server is somebody else.
set -e
install -m 0444 /run/quarterhour/enabled_plugins /etc/rabbitmq/enabled_plugins
install -D -m 0444 /run/quarterhour/partners.conf /etc/rabbitmq/conf.d/30-partners.conf
install -d -o rabbitmq -g rabbitmq -m 0700 /etc/rabbitmq/tls
install -o rabbitmq -g rabbitmq -m 0400 /run/quarterhour/tls/ca.pem /run/quarterhour/tls/server.pem \
  /run/quarterhour/tls/server.key /etc/rabbitmq/tls
exec docker-entrypoint.sh rabbitmq-server
