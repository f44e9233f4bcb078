// A peer (peers/README.md) around kafkajs.
const readline = require('readline')
const { Kafka, logLevel } = require('kafkajs')

const say = (word, value) => process.stdout.write(JSON.stringify({ [word]: value }) + '\n')
const lines = () => readline.createInterface({ input: process.stdin })

async function produce(kafka, topic) {
  const producer = kafka.producer()
  await producer.connect()
  for await (const line of lines()) {
    const values = JSON.parse(line)
    await producer.send({ topic, messages: values.map((value) => ({ key: value, value })) })
    say('acked', values.length)
  }
  await producer.disconnect()
}

async function consume(kafka, topic, groupId) {
  const consumer = kafka.consumer({ groupId })
  const next = {}
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => say('assigned', payload.memberAssignment[topic] || []))
  consumer.on(consumer.events.REBALANCING, () => say('assigned', []))
  await consumer.connect()
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  await consumer.run({ eachMessage: async ({ partition, message }) => {
    next[partition] = Number(message.offset) + 1
    say('got', [[partition, Number(message.offset), message.value.toString()]])
  } })
  for await (const _ of lines()) {
    await consumer.commitOffsets(Object.entries(next).map(([partition, offset]) =>
      ({ topic, partition: Number(partition), offset: String(offset) })))
    const admin = kafka.admin()
    await admin.connect()
    const [found] = await admin.fetchOffsets({ groupId, topics: [topic] })
    await admin.disconnect()
    say('committed', found.partitions.map((one) => [one.partition, Number(one.offset)]))
  }
  await consumer.disconnect()
}

async function main() {
  const [what, address, ...words] = process.argv.slice(2)
  const kafka = new Kafka({ brokers: [address], logLevel: logLevel.WARN })
  await (what === 'produce' ? produce : consume)(kafka, ...words)
}

process.env.KAFKAJS_NO_PARTITIONER_WARNING = '1'
main().then(() => process.exit(0), (error) => { console.error(error.message); process.exit(1) })
