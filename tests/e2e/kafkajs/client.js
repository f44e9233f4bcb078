// A command line around kafkajs for clients.py. Reads one JSON request from standard input, writes one JSON answer.
// kafkajs consumes only in groups, so this one produces and administers.
const { Kafka, CompressionTypes, CompressionCodecs, ConfigResourceTypes, logLevel, Partitioners } = require('kafkajs')

CompressionCodecs[CompressionTypes.Snappy] = require('kafkajs-snappy')
// lz4js calls its blocks dependent, which Kafka refuses. Up to 4 MiB it makes just one block, so the frame may as well
// say independent; the byte after it is the checksum of the two flag bytes.
function lz4Frame(data) {
  const frame = Buffer.from(require('lz4js').compress(data))
  if (frame.readUInt16BE(4) !== 0x4070) throw new Error('lz4js makes other frames now')
  frame.set([0x60, 0x70, 0x73], 4)
  return frame
}
CompressionCodecs[CompressionTypes.LZ4] = () => ({
  compress: async (encoder) => lz4Frame(encoder.buffer),
  decompress: async (buffer) => Buffer.from(require('lz4js').decompress(buffer)),
})
CompressionCodecs[CompressionTypes.ZSTD] = () => ({
  compress: (encoder) => new Promise((resolve) => require('zstd-codec').ZstdCodec.run((zstd) =>
    resolve(Buffer.from(new zstd.Simple().compress(encoder.buffer))))),
  decompress: (buffer) => new Promise((resolve) => require('zstd-codec').ZstdCodec.run((zstd) =>
    resolve(Buffer.from(new zstd.Simple().decompress(buffer))))),
})
const codecs = { none: CompressionTypes.None, gzip: CompressionTypes.GZIP, snappy: CompressionTypes.Snappy,
  lz4: CompressionTypes.LZ4, zstd: CompressionTypes.ZSTD }
const bytes = (text) => (text === null ? null : Buffer.from(text, 'base64'))

async function produce(kafka, q) {
  const producer = kafka.producer({ idempotent: true, createPartitioner: Partitioners.DefaultPartitioner })
  await producer.connect()
  const offsets = []
  for (const r of q.records) {
    const headers = Object.fromEntries(r.headers.map((h) => [h.key, bytes(h.value)]))
    const done = await producer.send({ topic: q.topic, acks: -1, compression: codecs[q.codec], messages: [
      { key: bytes(r.key), value: bytes(r.value), headers, partition: q.partition, timestamp: String(r.timestamp) }] })
    offsets.push(Number(done[0].baseOffset))
  }
  await producer.disconnect()
  return offsets
}

async function administer(kafka, q) {
  const admin = kafka.admin()
  await admin.connect()
  const topic = { type: ConfigResourceTypes.TOPIC, name: q.topic }
  const entries = Object.entries(q.configs || {}).map(([name, value]) => ({ name, value }))
  const actions = {
    create: () => admin.createTopics({ topics: [{ topic: q.topic, numPartitions: q.partitions, replicationFactor: 1,
      configEntries: entries }] }),
    delete: () => admin.deleteTopics({ topics: [q.topic] }),
    grow: () => admin.createPartitions({ topicPartitions: [{ topic: q.topic, count: q.partitions }] }),
    alter: () => admin.alterConfigs({ resources: [{ ...topic, configEntries: entries }] }),
    configs: async () => Object.fromEntries((await admin.describeConfigs({ resources: [topic] }))
      .resources[0].configEntries.map((entry) => [entry.configName, entry.configValue])),
    topics: async () => Object.fromEntries((await admin.fetchTopicMetadata()).topics
      .map((found) => [found.name, found.partitions.length])),
    at: async () => Number((await admin.fetchTopicOffsetsByTimestamp(q.topic, q.timestamp))
      .find((found) => found.partition === q.partition).offset),
    end: async () => Number((await admin.fetchTopicOffsets(q.topic))
      .find((found) => found.partition === q.partition).high),
  }
  const answer = await actions[q.do]()
  await admin.disconnect()
  return answer === undefined ? null : answer
}

async function main() {
  let text = ''
  for await (const part of process.stdin) text += part
  const q = JSON.parse(text)
  const kafka = new Kafka({ clientId: 'kafkajs', brokers: [q.address], logLevel: logLevel.NOTHING })
  const answer = await (q.do === 'produce' ? produce(kafka, q) : administer(kafka, q))
  process.stdout.write(JSON.stringify(answer) + '\n')
}

main().then(() => process.exit(0), (error) => { console.error(error.message); process.exit(1) })
